import type { WaitingCheckpoint } from "@countersign/web";
import { useCallback, type ReactNode } from "react";
import { useApi } from "../api";
import { useLoaded } from "../loading";
import { Pages, usePages } from "../paging";
import { Empty, Heading, Shown } from "../parts";
import { address, useTitle } from "../routing";
import { approvers, KINDS, TIMEOUTS } from "../texts";
import { Time, useNow } from "../times";
import { personName, questionOf, waiting } from "../views";

/** What waits for whoever looks at it, the nearest deadline first. */
export function Waiting(): ReactNode {
  const client = useApi();
  const pages = usePages();
  const loaded = useLoaded(
    `waiting ${pages.cursor ?? ""}`,
    useCallback(
      async (signal: AbortSignal) => await waiting(client, pages.cursor, signal),
      [client, pages.cursor],
    ),
  );
  const number = loaded.data?.items.length ?? 0;
  useTitle(number > 0 ? `(${number}${loaded.data?.next ? "+" : ""}) Waiting` : "Waiting");
  return (
    <>
      <Heading>Waits for you</Heading>
      <Shown loaded={loaded}>
        {({ items, next }) =>
          items.length === 0 && pages.number === 1 ? (
            <Empty title="Nothing waits for your decision.">
              <p>
                When a run reaches a checkpoint that you may decide, it appears here by itself.
              </p>
              <p className="empty-links">
                <a className="button" href={address.runs()}>
                  See the runs
                </a>
                <a className="button" href={address.start()}>
                  Start a run
                </a>
              </p>
            </Empty>
          ) : (
            <>
              <ul className="cards" aria-label="Checkpoints">
                {items.map((item) => (
                  <Card key={item.checkpoint_id} item={item} />
                ))}
              </ul>
              <Pages paging={pages} next={next} />
            </>
          )
        }
      </Shown>
    </>
  );
}

function Card({ item }: { item: WaitingCheckpoint }): ReactNode {
  const kind = KINDS[item.kind];
  return (
    <li className="card">
      <div className="card-top">
        <span className="crew">{item.crew}</span>
        <span className="muted">
          {item.phase}
          {item.revision > 1 && `, revision ${item.revision}`}
        </span>
        <Deadline item={item} />
      </div>
      <h2 className="card-title">
        <a href={address.run(item.execution_id)}>{questionOf(item)}</a>
      </h2>
      {kind !== undefined && <p className="card-kind">{kind}</p>}
      {item.message !== "" && <p className="card-request">{item.message}</p>}
      <p className="card-facts muted">
        Asked for by {personName(item.requester)}. Opened <Time at={item.created_at} />. May be decided by {approvers(item.approvers)}.
      </p>
    </li>
  );
}

const SOON = 3_600_000;

function Deadline({ item }: { item: WaitingCheckpoint }): ReactNode {
  const now = useNow();
  if (item.deadline === null) return null;
  const left = new Date(item.deadline).getTime() - now;
  const then = item.on_timeout === null ? undefined : TIMEOUTS[item.on_timeout];
  return (
    <span className={left < SOON ? "deadline deadline-soon" : "deadline"}>
      due <Time at={item.deadline} />
      {then !== undefined && `, ${then}`}
    </span>
  );
}
