import type { ReactNode } from "react";
import { approvers, DECISIONS } from "../texts";
import { duration, Time, useNow } from "../times";
import { personName, type CheckpointView, type PhaseView, type RunView } from "../views";

type Entry =
  | { at: string; phase: PhaseView; checkpoint?: never }
  | { at: string; checkpoint: CheckpointView; phase?: never };

/** Every phase and every checkpoint, in the order in which they happened. */
export function Timeline({ run }: { run: RunView }): ReactNode {
  const entries: Entry[] = [
    ...run.runs.map((phase) => ({ at: phase.startedAt ?? phase.createdAt, phase })),
    ...run.checkpoints.map((checkpoint) => ({ at: checkpoint.createdAt, checkpoint })),
  ];
  entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <section className="panel" aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <ol className="timeline">
        <li className="step step-done">
          <p>
            <strong>Started</strong> <Time at={run.createdAt} />
          </p>
          {run.requester !== null && <p className="muted">by {personName(run.requester)}</p>}
        </li>
        {entries.map((entry) =>
          entry.phase !== undefined ? (
            <Phase key={entry.phase.key} phase={entry.phase} />
          ) : (
            <Checkpoint key={entry.checkpoint.id} checkpoint={entry.checkpoint} />
          ),
        )}
        {ENDS[run.status] === undefined ? (
          coming(run).map((phase) => (
            <li key={phase} className="step step-next">
              <p className="muted">{phase}</p>
            </li>
          ))
        ) : (
          <li className={`step step-${run.status === "completed" ? "done" : "bad"}`}>
            <p>
              <strong>{ENDS[run.status]}</strong> <Time at={run.endedAt ?? run.changedAt} />
            </p>
            {run.endedBy !== null && <p className="muted">by {personName(run.endedBy)}</p>}
          </li>
        )}
      </ol>
    </section>
  );
}

/** The phases that have not begun. */
function coming(run: RunView): string[] {
  const begun = new Set(run.runs.map((each) => each.phase));
  return run.phases.filter((phase) => !begun.has(phase));
}

const ENDS: Readonly<Record<string, string>> = {
  completed: "Completed",
  stopped: "Stopped",
  cancelled: "Cancelled",
  error: "Failed",
};

const MARKS: Readonly<Record<string, string>> = {
  queued: "step-next",
  running: "step-busy",
  done: "step-done",
  failed: "step-bad",
  cancelled: "step-next",
};

function Phase({ phase }: { phase: PhaseView }): ReactNode {
  const now = useNow();
  const until = phase.endedAt === null ? now : Date.parse(phase.endedAt);
  const took = phase.startedAt === null ? null : duration(until - Date.parse(phase.startedAt));
  return (
    <li className={`step ${MARKS[phase.state] ?? "step-next"}`}>
      <p>
        <strong>{phase.phase}</strong>
        {phase.revision > 1 && `, revision ${phase.revision}`}
        {phase.attempt > 1 && `, attempt ${phase.attempt}`}{" "}
        <Time at={phase.startedAt ?? phase.createdAt} />
      </p>
      <p className="muted">{phaseState(phase, took)}</p>
      {phase.error !== null && <p className="step-error">{phase.error}</p>}
    </li>
  );
}

function phaseState(phase: PhaseView, took: string | null): string {
  switch (phase.state) {
    case "queued":
      return "waits for a worker";
    case "running":
      return took === null ? "running" : `running for ${took}`;
    case "done":
      return took === null ? "done" : `took ${took}`;
    case "failed":
      return "failed";
    default:
      return phase.state;
  }
}

function Checkpoint({ checkpoint }: { checkpoint: CheckpointView }): ReactNode {
  const { decision } = checkpoint;
  if (decision === null) {
    const isPending = checkpoint.state === "pending";
    return (
      <li className={`step ${isPending ? "step-wait" : "step-next"}`}>
        <p>
          <strong>{checkpoint.question}</strong> <Time at={checkpoint.createdAt} />
        </p>
        <p className="muted">
          {isPending ? `waits for ${approvers(checkpoint.approvers)}` : checkpoint.state}
        </p>
      </li>
    );
  }
  const action = DECISIONS[decision.action] ?? decision.action;
  const values = Object.entries(decision.values);
  const isTimeout = decision.actor?.kind === "timeout";
  return (
    <li className={`step step-${decision.action === "stop" ? "bad" : "decided"}`}>
      <p>
        <strong>{checkpoint.question}</strong> <Time at={decision.at} />
      </p>
      <p className="muted">
        {isTimeout
          ? `the deadline passed: ${action}`
          : `${decision.actor === null ? "somebody" : personName(decision.actor)} ${action}`}
        {decision.outcome !== null && ` with “${decision.outcome}”`}
        {decision.means === "edit" && ", with a text of their own"}
        {decision.means === "earlier" && ", and brought an earlier one back"}
      </p>
      {decision.text !== "" && (
        <blockquote className="words" dir="auto">
          {decision.text}
        </blockquote>
      )}
      {values.length > 0 && (
        <dl className="inputs">
          {values.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{String(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}
