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
export type ExecutionStatus = Omit<Schemas["StatusBody"], "status"> & { status: ExecutionState };
export type ExecutionResult = Schemas["ResultBody"];
export type TaskOutput = Schemas["TaskOutputBody"];
export type FormField = Schemas["FieldBody"];
export type Checkpoint = Schemas["CheckpointBody"] & {
  /** What can be decided here. */
  actions?: Action[];
};
export type FeedbackRequest = Omit<Schemas["FeedbackBody"], "action"> & { action: Action };
export type FeedbackReceived = Schemas["FeedbackReceivedBody"];
export type Crew = Schemas["CrewBody"];

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
  phase?: string;
  action?: string;
  actor?: unknown;
}
