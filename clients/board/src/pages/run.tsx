import type { ExecutionDetail, ProblemError } from "@countersign/web";
import { useCallback, useState, type ReactNode } from "react";
import { useApi } from "../api";
import { asProblem, useLoaded, type Loaded } from "../loading";
import { Confirmed, Heading, Shown, State, Trouble } from "../parts";
import { address, useTitle } from "../routing";
import { Audit } from "../run/audit";
import { Decision } from "../run/decision";
import { Outputs } from "../run/outputs";
import { Result } from "../run/result";
import { Timeline } from "../run/timeline";
import { Usage } from "../run/usage";
import type { Session } from "../session";
import { Time } from "../times";
import { inputsOf, personName, subjectOf } from "../views";

/** One run: what it is about, what waits, what happened, and what came of it. */
export function Run({
  id,
  tab,
  session,
}: {
  id: string;
  tab: string;
  session: Session;
}): ReactNode {
  const client = useApi();
  const loaded = useLoaded(
    id,
    useCallback(async (signal: AbortSignal) => await client.execution(id, { signal }), [client, id]),
    (event) => event.execution_id === id,
  );
  const run = loaded.data;
  useTitle(run === null ? "Run" : subjectOf(run).slice(0, 60));
  return (
    <>
      <p className="back">
        <a href={address.runs()}>All runs</a>
      </p>
      {run === null && loaded.error !== null && <Heading>Run</Heading>}
      <Shown loaded={loaded} missing="There is no such run, or it is in a channel that you are not in.">
        {(run) => <Found run={run} tab={tab} session={session} loaded={loaded} />}
      </Shown>
    </>
  );
}

function Found({
  run,
  tab,
  session,
  loaded,
}: {
  run: ExecutionDetail;
  tab: string;
  session: Session;
  loaded: Loaded<ExecutionDetail>;
}): ReactNode {
  const isAudit = tab === "audit";
  return (
    <article className="run">
      <Head run={run} session={session} reload={loaded.reload} />
      <nav className="tabs" aria-label="Parts of the run">
        <a href={address.run(run.execution_id)} aria-current={isAudit ? undefined : "page"}>
          Overview
        </a>
        <a href={address.run(run.execution_id, "audit")} aria-current={isAudit ? "page" : undefined}>
          Audit trail
        </a>
      </nav>
      {isAudit ? (
        <Audit id={run.execution_id} />
      ) : (
        <div className="columns">
          <div className="column-main">
            <Decision run={run} session={session} reload={loaded.reload} />
            {run.status === "completed" && <Result run={run} />}
            <Outputs run={run} />
          </div>
          <div className="column-side">
            <Timeline run={run} />
            <Usage usage={run.usage} />
          </div>
        </div>
      )}
    </article>
  );
}

function Head({
  run,
  session,
  reload,
}: {
  run: ExecutionDetail;
  session: Session;
  reload: () => void;
}): ReactNode {
  const client = useApi();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const act = async (call: (id: string) => Promise<unknown>): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await call(run.execution_id);
    } catch (reason) {
      setProblem(asProblem(reason));
    } finally {
      setBusy(false);
      reload();
    }
  };
  const inputs = inputsOf(run);
  const mayAct = session.scopes.includes("execute");
  return (
    <header className="run-head">
      <div className="run-top">
        <State state={run.status} />
        <span className="crew">{run.crew}</span>
        <span className="muted mono" title={run.execution_id}>
          {run.execution_id.slice(0, 8)}
        </span>
        {mayAct && run.actions.includes("cancel") && (
          <Confirmed
            label="Cancel the run"
            question="Cancel this run? It cannot be continued afterwards."
            confirm="Cancel it"
            keep="Let it go on"
            busy={busy}
            onConfirm={() => void act((id) => client.cancel(id))}
          />
        )}
      </div>
      <Heading>{subjectOf(run)}</Heading>
      <p className="muted">
        Asked for by {personName(run.requester)}, started <Time at={run.created_at} />
        {run.ended_at !== null && (
          <>
            , ended <Time at={run.ended_at} />
          </>
        )}
        .
        {run.permalink !== null && (
          <>
            {" "}
            <a href={run.permalink} target="_blank" rel="noopener noreferrer">
              Its thread in Slack
            </a>
          </>
        )}
      </p>
      {inputs.length > 0 && (
        <dl className="inputs">
          {inputs.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {run.status === "error" && (
        <div className="notice notice-bad" role="alert">
          <p>
            <strong>The run has failed.</strong> {run.error ?? "The bot’s log says why."}
          </p>
          {mayAct && run.actions.includes("retry") && (
            <button
              type="button"
              className="button button-primary"
              disabled={busy}
              onClick={() => void act((id) => client.retry(id))}
            >
              Retry
            </button>
          )}
        </div>
      )}
      {problem !== null && <Trouble error={problem} />}
    </header>
  );
}
