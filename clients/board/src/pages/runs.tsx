import type { ExecutionState, ExecutionSummary } from "@countersign/web";
import { useCallback, type ReactNode } from "react";
import { useApi } from "../api";
import { useLoaded } from "../loading";
import { Pages, usePages } from "../paging";
import { Empty, Heading, Shown, State } from "../parts";
import { address, go, useTitle } from "../routing";
import { STATES } from "../texts";
import { Time } from "../times";
import { crewNames, personName, runs, subjectOf } from "../views";

const FILTERS: readonly { status: ExecutionState | ""; name: string }[] = [
  { status: "", name: "All" },
  { status: "waiting_feedback", name: "Waiting" },
  { status: "running", name: "Running" },
  { status: "pending", name: "Not started" },
  { status: "error", name: "Failed" },
  { status: "completed", name: "Completed" },
  { status: "stopped", name: "Stopped" },
  { status: "cancelled", name: "Cancelled" },
];

/** The runs, the newest first, by state and crew. The filters are in the address. */
export function Runs({ query }: { query: URLSearchParams }): ReactNode {
  useTitle("Runs");
  const status = query.get("status") ?? "";
  const crew = query.get("crew") ?? "";
  return (
    <>
      <div className="page-head">
        <Heading>Runs</Heading>
        <a className="button button-primary" href={address.start(crew)}>
          Start a run
        </a>
      </div>
      <Filters status={status} crew={crew} />
      <List key={`${status} ${crew}`} status={status} crew={crew} />
    </>
  );
}

function Filters({ status, crew }: { status: string; crew: string }): ReactNode {
  const client = useApi();
  const { data: crews } = useLoaded(
    "crews",
    useCallback(async (signal: AbortSignal) => await crewNames(client, signal), [client]),
    () => false,
  );
  const names = crew !== "" && !crews?.includes(crew) ? [crew, ...(crews ?? [])] : (crews ?? []);
  return (
    <div className="filters">
      <nav aria-label="States" className="chips">
        {FILTERS.map((filter) => (
          <a
            key={filter.status}
            className="chip"
            href={address.runs({ status: filter.status, crew })}
            aria-current={filter.status === status ? "true" : undefined}
          >
            {filter.name}
          </a>
        ))}
      </nav>
      {names.length > 1 && (
        <label className="filter-crew">
          Crew
          <select
            value={crew}
            onChange={(event) => go(address.runs({ status, crew: event.target.value }))}
          >
            <option value="">all crews</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function List({ status, crew }: { status: string; crew: string }): ReactNode {
  const client = useApi();
  const paging = usePages();
  const loaded = useLoaded(
    `runs ${status} ${crew} ${paging.cursor ?? ""}`,
    useCallback(
      async (signal: AbortSignal) =>
        await runs(client, { status, crew, cursor: paging.cursor }, signal),
      [client, status, crew, paging.cursor],
    ),
  );
  return (
    <Shown loaded={loaded}>
      {({ items, next }) =>
        items.length === 0 && paging.number === 1 ? (
          <Nothing status={status} crew={crew} />
        ) : (
          <>
            <ul className="rows" aria-label="Runs">
              {items.map((run) => (
                <Row key={run.execution_id} run={run} />
              ))}
            </ul>
            <Pages paging={paging} next={next} />
          </>
        )
      }
    </Shown>
  );
}

function Nothing({ status, crew }: { status: string; crew: string }): ReactNode {
  if (status === "" && crew === "") {
    return (
      <Empty title="There are no runs yet.">
        <p>
          <a className="button button-primary" href={address.start()}>
            Start the first one
          </a>
        </p>
      </Empty>
    );
  }
  const state = STATES[status as ExecutionState]?.toLowerCase();
  return (
    <Empty title="No run matches.">
      <p>
        There is none{crew !== "" && ` of crew ${crew}`}
        {state !== undefined && ` in the state “${state}”`}.{" "}
        <a href={address.runs()}>Show all runs</a>
      </p>
    </Empty>
  );
}

function Row({ run }: { run: ExecutionSummary }): ReactNode {
  return (
    <li className="row">
      <State state={run.status} />
      <div className="row-main">
        <a className="row-title" href={address.run(run.execution_id)}>
          {subjectOf(run)}
        </a>
        <p className="muted row-facts">
          <span className="crew">{run.crew}</span>
          {` · ${personName(run.requester)} · started `}
          <Time at={run.created_at} />
          {run.ended_at !== null && (
            <>
              , ended <Time at={run.ended_at} />
            </>
          )}
        </p>
      </div>
    </li>
  );
}
