import {
  CheckpointApproval,
  ProblemError,
  type Action,
  type Checkpoint,
  type DecisionDetails,
  type ExecutionDetail,
  type FeedbackRequest,
} from "@countersign/web";
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { useApi } from "../api";
import { useLoaded } from "../loading";
import { Trouble } from "../parts";
import { Text } from "../text";
import { approvers } from "../texts";
import { Time } from "../times";
import type { Session } from "../session";
import { outputBefore, personName, questionOf } from "../views";
import { Difference } from "./difference";

/** What waits, and the buttons that decide it. After a decision: what the run does now. */
export function Decision({
  run,
  session,
  reload,
}: {
  run: ExecutionDetail;
  session: Session;
  reload: () => void;
}): ReactNode {
  const client = useApi();
  const loaded = useLoaded(
    `checkpoint ${run.execution_id}`,
    useCallback(
      async (signal: AbortSignal) => {
        try {
          return { waiting: await client.checkpoint(run.execution_id, { signal }) };
        } catch (error) {
          // 400: the run has ended.
          if (error instanceof ProblemError && error.status === 400) return { waiting: null };
          throw error;
        }
      },
      [client, run.execution_id],
    ),
    (event) => event.execution_id === run.execution_id,
  );
  const own = useRef(new Set<string>());
  const [shown, setShown] = useState<Checkpoint | null>(null);
  const waiting = loaded.data === null ? undefined : loaded.data.waiting;
  useEffect(() => {
    if (waiting) {
      // The one that was just decided here may be in an answer that was on its way before.
      setShown(own.current.has(waiting.checkpoint_id) ? null : waiting);
    }
  }, [waiting]);

  const submit = async (
    action: Action,
    feedback: string,
    details: DecisionDetails,
  ): Promise<void> => {
    if (shown === null) return;
    const body: FeedbackRequest = {
      ...details,
      execution_id: run.execution_id,
      checkpoint_id: shown.checkpoint_id,
      action,
    };
    if (feedback !== "") body.feedback = feedback;
    try {
      await client.feedback(body);
      own.current.add(shown.checkpoint_id);
      setShown(null);
    } finally {
      loaded.reload();
      reload();
    }
  };

  if (loaded.error !== null && loaded.data === null) return <Trouble error={loaded.error} />;
  if (shown === null) return <Progress run={run} />;
  const current = stateOf(shown, run, waiting ?? null);
  if (!session.scopes.includes("decide")) {
    return (
      <section className="panel">
        <h2>{questionOf(shown)}</h2>
        <p>This waits for a decision. Your token may read it, and not decide.</p>
      </section>
    );
  }
  const before = outputBefore(run, shown);
  return (
    <>
      <CheckpointApproval
        checkpoint={current}
        onSubmit={submit}
        className="approval"
        labels={LABELS}
        renderMarkdown={(text) => <Text below={3}>{text}</Text>}
      />
      {current.status === "pending" && (
        <p className="muted who-decides">
          May be decided by {approvers(shown.approvers)}. Opened <Time at={shown.created_at} />.
        </p>
      )}
      {current.status !== "pending" && <Elsewhere run={run} id={shown.checkpoint_id} />}
      {before !== null && (
        <Difference
          before={before.output}
          after={shown.context.output}
          title={`What changed since revision ${before.revision}`}
        />
      )}
    </>
  );
}

const LABELS = { sent: "Your decision is recorded." } as const;

/** The checkpoint with its state now: somebody else, or the timeout, may have decided it. */
function stateOf(shown: Checkpoint, run: ExecutionDetail, waiting: Checkpoint | null): Checkpoint {
  if (waiting?.checkpoint_id === shown.checkpoint_id) return shown;
  const known = run.checkpoints.find((each) => each.checkpoint_id === shown.checkpoint_id);
  const state = known === undefined || known.status === "pending" ? "decided" : known.status;
  return { ...shown, status: state };
}

function Elsewhere({ run, id }: { run: ExecutionDetail; id: string }): ReactNode {
  const decision = run.checkpoints.find((each) => each.checkpoint_id === id)?.decision;
  if (!decision) return null;
  return (
    <p className="muted">
      By {personName(decision.actor)}, <Time at={decision.decided_at} />.
    </p>
  );
}

function Progress({ run }: { run: ExecutionDetail }): ReactNode {
  const phase = run.runs.findLast((each) => each.status === "running" || each.status === "queued");
  switch (run.status) {
    case "pending":
      return <Note text="The run waits for a free worker." />;
    case "running":
    case "waiting_feedback":
      return (
        <Note
          busy
          text={
            phase === undefined
              ? "The run goes on."
              : phase.status === "running"
                ? `Phase ${phase.phase} is running.`
                : `Phase ${phase.phase} starts as soon as a worker is free.`
          }
        />
      );
    case "stopped":
      return <Note text="The run was stopped at a checkpoint." />;
    case "cancelled":
      return <Note text="The run was cancelled." />;
    default:
      return null;
  }
}

function Note({ text, busy = false }: { text: string; busy?: boolean }): ReactNode {
  return (
    <p className={busy ? "panel progress progress-busy" : "panel progress"} role="status">
      {text}
    </p>
  );
}
