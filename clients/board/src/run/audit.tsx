import { useCallback, type ReactNode } from "react";
import { useApi } from "../api";
import { useLoaded } from "../loading";
import { Pages, usePages } from "../paging";
import { Empty, Shown } from "../parts";
import { Time } from "../times";
import { audit, personName, valuesOf } from "../views";

/** Everything that was recorded about a run, in the order in which it happened. */
export function Audit({ id }: { id: string }): ReactNode {
  const client = useApi();
  const paging = usePages();
  const loaded = useLoaded(
    `audit ${id} ${paging.cursor ?? ""}`,
    useCallback(
      async (signal: AbortSignal) => await audit(client, id, paging.cursor, signal),
      [client, id, paging.cursor],
    ),
    (event) => event.execution_id === id,
  );
  return (
    <Shown loaded={loaded}>
      {({ items, next }) =>
        items.length === 0 ? (
          <Empty title="Nothing is recorded here." />
        ) : (
          <>
            <ol className="audit" aria-label="Audit trail">
              {items.map((row) => (
                <li key={row.seq}>
                  <p>
                    <span className="muted mono">{row.seq}</span> <strong>{row.event}</strong>
                    {row.actor !== null && <> by {personName(row.actor)}</>}
                    <span className="audit-at">
                      <Time at={row.at} exact />
                    </span>
                  </p>
                  {valuesOf(row.details).length > 0 && (
                    <dl className="inputs">
                      {valuesOf(row.details).map(([name, value]) => (
                        <div key={name}>
                          <dt>{name}</dt>
                          <dd>{value}</dd>
                        </div>
                      ))}
                    </dl>
                  )}
                </li>
              ))}
            </ol>
            <Pages paging={paging} next={next} />
          </>
        )
      }
    </Shown>
  );
}
