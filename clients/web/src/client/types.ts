import type { components } from "./openapi.js";

type Schemas = components["schemas"];

export type Action = "continue" | "revise" | "stop" | "skip";

export type ExecutionState =
  | "pending"
  | "running"
  | "waiting_feedback"
  | "completed"
  | "error"
  | "cancelled"
  | "stopped";

export type ExecuteRequest = Partial<Schemas["ExecuteBody"]>;
export type ExecutionStatus = Omit<Schemas["StatusBody"], "status" | "result"> & {
  status: ExecutionState;
  result: ExecutionResult | null;
};
export type ExecutionResult = Omit<Schemas["ResultBody"], "task_outputs"> & {
  task_outputs: TaskOutput[];
};
/** `structured` is only there if the task has a typed output. */
export interface TaskOutput {
  task: string;
  agent: string;
  output: string;
  structured?: unknown;
}
export type FormField = Schemas["FieldBody"];
export type Checkpoint = Omit<Schemas["CheckpointBody"], "context"> & {
  context: Omit<Schemas["ContextBody"], "task_outputs"> & { task_outputs: TaskOutput[] };
  /** What can be decided here. */
  actions?: Action[];
};
export type FeedbackRequest = Omit<Schemas["FeedbackBody"], "action"> & { action: Action };
export type FeedbackReceived = Schemas["FeedbackReceivedBody"];
export type Crew = Schemas["CrewBody"];

const ALL: readonly Action[] = ["continue", "revise", "skip", "stop"];
const OFFERED: Readonly<Record<string, readonly Action[]>> = {
  question: ["continue", "skip", "stop"],
  budget: ["continue", "stop"],
};

/** What can be decided at a checkpoint, in the order of the buttons. */
export function offeredActions(checkpoint: Checkpoint): readonly Action[] {
  const { actions, kind } = checkpoint;
  if (actions !== undefined) return ALL.filter((action) => actions.includes(action));
  return OFFERED[kind] ?? ALL;
}

/** A page of a list. `next` goes into the next call as `cursor`; null: this is the last page. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** An execution in a list. */
export interface ExecutionSummary {
  execution_id: string;
  status: ExecutionState;
  [more: string]: unknown;
}

/** An execution with its phases, checkpoints and decisions. */
export interface ExecutionDetail extends ExecutionSummary {
  phases?: unknown[];
  checkpoints?: unknown[];
}

/** A row of the audit trail. */
export interface AuditEntry {
  seq: number;
  event: string;
  at: string;
  [more: string]: unknown;
}

export interface ExecutionsQuery {
  status?: ExecutionState;
  crew?: string;
  limit?: number;
  cursor?: string;
}

export type EventType =
  | "execution.started"
  | "phase.started"
  | "checkpoint.waiting"
  | "checkpoint.decided"
  | "execution.completed"
  | "execution.stopped"
  | "execution.error"
  | "execution.cancelled";

/** Something that happened to an execution. `status` is its state since then. */
export interface ExecutionEvent {
  /** For `lastEventId`. */
  id: string;
  type: EventType;
  execution_id: string;
  at: string;
  status: ExecutionState;
  checkpoint_id?: string;
  checkpoint_name?: string;
  /** Why a checkpoint waits, if not for a phase's output. */
  kind?: string;
  phase?: string;
  revision?: number;
  action?: string;
  actor?: string;
  crew?: string;
}
