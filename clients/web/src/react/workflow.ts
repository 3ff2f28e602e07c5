import type {
  Checkpoint,
  ExecutionEvent,
  ExecutionStatus,
  Link,
  ProblemError,
  Snapshot,
} from "../client/index.js";

/** A decision that somebody else made, or the timeout. What is not known is null. */
export interface ElsewhereDecision {
  checkpoint_id: string;
  action: string | null;
  /** A sentence about it, if the server gave one. */
  detail: string | null;
}

export interface WorkflowState {
  executionId: string | null;
  execution: ExecutionStatus | null;
  checkpoint: Checkpoint | null;
  elsewhere: ElsewhereDecision | null;
  link: Link | null;
  error: ProblemError | null;
  starting: boolean;
  /** The checkpoint about which a decision is on its way, and what was loaded meanwhile. */
  submitting: string | null;
  held: Snapshot | null;
}

export type Step =
  | { type: "starting" }
  | { type: "started"; execution: ExecutionStatus }
  | { type: "failed"; error: ProblemError }
  | { type: "follow"; executionId: string | null }
  | { type: "link"; link: Link | null }
  | { type: "event"; event: ExecutionEvent }
  | { type: "snapshot"; snapshot: Snapshot; own: Own }
  | { type: "submitting"; checkpointId: string }
  | { type: "submitted"; checkpointId: string; own: Own }
  | { type: "refused"; conflict: ElsewhereDecision | null; own: Own };

/** The ids of the checkpoints that were decided here. */
export type Own = ReadonlySet<string>;

export function nothing(executionId: string | null): WorkflowState {
  return {
    executionId,
    execution: null,
    checkpoint: null,
    elsewhere: null,
    link: null,
    error: null,
    starting: false,
    submitting: null,
    held: null,
  };
}

const STATE_AFTER: Readonly<Record<string, string>> = {
  continue: "approved",
  revise: "revised",
  skip: "skipped",
  stop: "rejected",
};

export function next(state: WorkflowState, step: Step): WorkflowState {
  switch (step.type) {
    case "starting":
      return { ...state, starting: true, error: null };
    case "started":
      return { ...nothing(step.execution.execution_id), execution: step.execution };
    case "failed":
      return { ...state, starting: false, error: step.error };
    case "follow":
      return step.executionId === state.executionId ? state : nothing(step.executionId);
    case "link":
      return { ...state, link: step.link };
    case "event":
      return heard(state, step.event);
    case "snapshot":
      return looked(state, step.snapshot, step.own);
    case "submitting":
      return { ...state, submitting: step.checkpointId };
    case "submitted": {
      const { checkpoint, elsewhere } = state;
      const isShown = checkpoint?.checkpoint_id === step.checkpointId;
      const isHeard = elsewhere?.checkpoint_id === step.checkpointId;
      return answered(
        {
          ...state,
          checkpoint: isShown ? null : checkpoint,
          elsewhere: isHeard ? null : elsewhere,
        },
        step.own,
      );
    }
    case "refused":
      return answered({ ...state, elsewhere: step.conflict ?? state.elsewhere }, step.own);
  }
}

function answered(state: WorkflowState, own: Own): WorkflowState {
  const after = { ...state, submitting: null, held: null };
  return state.held === null ? after : looked(after, state.held, own);
}

/** The event may come before the status that it changed, or after it. */
function heard(state: WorkflowState, event: ExecutionEvent): WorkflowState {
  const { checkpoint, elsewhere } = state;
  const id = checkpoint?.checkpoint_id;
  if (event.type !== "checkpoint.decided" || !id || event.checkpoint_id !== id) return state;
  const detail = elsewhere?.checkpoint_id === id ? elsewhere.detail : null;
  const decision = { checkpoint_id: id, action: event.action ?? null, detail };
  const isShown = checkpoint.status !== "pending";
  return {
    ...state,
    elsewhere: decision,
    checkpoint: isShown ? decided(checkpoint, decision) : checkpoint,
  };
}

function decided(checkpoint: Checkpoint, { action }: ElsewhereDecision): Checkpoint {
  return { ...checkpoint, status: STATE_AFTER[action ?? ""] ?? "decided" };
}

/** A checkpoint that was decided elsewhere stays, with what became of it, until the next waits. */
function looked(state: WorkflowState, snapshot: Snapshot, own: Own): WorkflowState {
  const { execution, checkpoint } = snapshot;
  const loaded = { ...state, execution, error: null };
  // What was typed is not taken away while it is on its way.
  if (state.submitting !== null) return { ...loaded, held: snapshot };
  const before = state.checkpoint;
  if (checkpoint !== null) {
    // The one that was just decided here may still be in a status that was asked for before.
    const isOutdated = own.has(checkpoint.checkpoint_id);
    return { ...loaded, checkpoint: isOutdated ? null : checkpoint, elsewhere: null };
  }
  if (before === null || own.has(before.checkpoint_id)) return { ...loaded, checkpoint: null };
  if (before.status !== "pending") return loaded;
  const unknown = { checkpoint_id: before.checkpoint_id, action: null, detail: null };
  const elsewhere = state.elsewhere ?? unknown;
  return { ...loaded, elsewhere, checkpoint: decided(before, elsewhere) };
}
