import type { DecidedCheckpoint, ExecutionDetail, PhaseRun } from "@countersign/web";
import type { ReactNode } from "react";
import { approvers, DECISIONS } from "../texts";
import { duration, Time, useNow } from "../times";
import { personName, phasesToCome, questionOf, valuesOf } from "../views";

type Entry =
  | { at: string; phase: PhaseRun; checkpoint?: never }
  | { at: string; checkpoint: DecidedCheckpoint; phase?: never };

/** Every phase and every checkpoint, in the order in which they happened. */
export function Timeline({ run }: { run: ExecutionDetail }): ReactNode {
  const entries: Entry[] = [
    ...run.runs.map((phase) => ({ at: phase.started_at ?? phase.created_at, phase })),
    ...run.checkpoints.map((checkpoint) => ({ at: checkpoint.created_at, checkpoint })),
  ];
  entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return (
    <section className="panel" aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <ol className="timeline">
        <li className="step step-done">
          <p>
            <strong>Started</strong> <Time at={run.created_at} />
          </p>
          <p className="muted">by {personName(run.requester)}</p>
        </li>
        {entries.map((entry) =>
          entry.phase !== undefined ? (
            <Phase key={`${entry.at} ${entry.phase.phase} ${entry.phase.attempt}`} phase={entry.phase} />
          ) : (
            <Checkpoint key={entry.checkpoint.checkpoint_id} checkpoint={entry.checkpoint} />
          ),
        )}
        {ENDS[run.status] === undefined ? (
          phasesToCome(run).map((phase) => (
            <li key={phase} className="step step-next">
              <p className="muted">{phase}</p>
            </li>
          ))
        ) : (
          <li className={`step step-${run.status === "completed" ? "done" : "bad"}`}>
            <p>
              <strong>{ENDS[run.status]}</strong> <Time at={run.ended_at ?? run.updated_at} />
            </p>
            {run.ended_by !== null && <p className="muted">by {personName(run.ended_by)}</p>}
          </li>
        )}
      </ol>
    </section>
  );
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

function Phase({ phase }: { phase: PhaseRun }): ReactNode {
  const now = useNow();
  const until = phase.ended_at === null ? now : Date.parse(phase.ended_at);
  const took = phase.started_at === null ? null : duration(until - Date.parse(phase.started_at));
  return (
    <li className={`step ${MARKS[phase.status] ?? "step-next"}`}>
      <p>
        <strong>{phase.phase}</strong>
        {phase.revision > 1 && `, revision ${phase.revision}`}
        {phase.attempt > 1 && `, attempt ${phase.attempt}`}{" "}
        <Time at={phase.started_at ?? phase.created_at} />
      </p>
      <p className="muted">{phaseState(phase, took)}</p>
      {phase.error !== null && <p className="step-error">{phase.error}</p>}
    </li>
  );
}

function phaseState(phase: PhaseRun, took: string | null): string {
  switch (phase.status) {
    case "queued":
      return "waits for a worker";
    case "running":
      return took === null ? "running" : `running for ${took}`;
    case "done":
      return took === null ? "done" : `took ${took}`;
    case "failed":
      return "failed";
    default:
      return phase.status;
  }
}

function Checkpoint({ checkpoint }: { checkpoint: DecidedCheckpoint }): ReactNode {
  const { decision } = checkpoint;
  if (decision === null) {
    const isPending = checkpoint.status === "pending";
    return (
      <li className={`step ${isPending ? "step-wait" : "step-next"}`}>
        <p>
          <strong>{questionOf(checkpoint)}</strong> <Time at={checkpoint.created_at} />
        </p>
        <p className="muted">
          {isPending ? `waits for ${approvers(checkpoint.approvers)}` : checkpoint.status}
        </p>
      </li>
    );
  }
  const action = DECISIONS[decision.action] ?? decision.action;
  const values = valuesOf(decision.values);
  const isTimeout = decision.actor.kind === "timeout";
  return (
    <li className={`step step-${decision.action === "stop" ? "bad" : "decided"}`}>
      <p>
        <strong>{questionOf(checkpoint)}</strong> <Time at={decision.decided_at} />
      </p>
      <p className="muted">
        {isTimeout
          ? `the deadline passed: ${action}`
          : `${personName(decision.actor)} ${action}`}
        {decision.outcome !== null && ` with “${decision.outcome}”`}
        {decision.means === "edit" && ", with a text of their own"}
        {decision.means === "earlier" && ", and brought an earlier one back"}
      </p>
      {decision.feedback !== null && (
        <blockquote className="words" dir="auto">
          {decision.feedback}
        </blockquote>
      )}
      {values.length > 0 && (
        <dl className="inputs">
          {values.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}
