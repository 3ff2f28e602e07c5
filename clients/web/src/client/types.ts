import type { components, paths } from "./openapi.js";

type Schemas = components["schemas"];

export type Action = "continue" | "revise" | "stop" | "skip";

export type ExecutionState = Schemas["ExecutionState"];

/** `structured` is only there if the task has a typed output. */
export interface TaskOutput {
  task: string;
  agent: string;
  output: string;
  structured?: unknown;
}
export interface ExecutionResult {
  status: string;
  output: string;
  task_outputs: TaskOutput[];
}

export type ExecuteRequest = Partial<Schemas["ExecuteBody"]>;
export type FeedbackRequest = Omit<Schemas["FeedbackBody"], "action"> & { action: Action };
export type FeedbackReceived = Schemas["FeedbackReceivedBody"];
export type FormField = Schemas["FieldBody"];
export type Crew = Schemas["CrewBody"];
export type Actor = Schemas["ActorBody"];

/** `result` is there once the execution is completed. */
export type ExecutionStatus = Precise<Schemas["StatusBody"]>;
export type Checkpoint = Precise<Schemas["CheckpointBody"]>;
/** A checkpoint that waits, with the execution that it belongs to. */
export type WaitingCheckpoint = Precise<Schemas["WaitingCheckpointBody"]>;
/** An execution in a list. */
export type ExecutionSummary = Precise<Schemas["ExecutionItemBody"]>;
/** An execution with its phases, checkpoints and decisions. */
export type ExecutionDetail = Omit<Precise<Schemas["ExecutionBody"]>, "checkpoints" | "runs"> & {
  checkpoints: DecidedCheckpoint[];
  runs: PhaseRun[];
};
/** `decision` is null while the checkpoint waits. */
export type DecidedCheckpoint = Precise<Schemas["DecidedCheckpointBody"]>;
/** A try of a phase. */
export type PhaseRun = Omit<Schemas["PhaseRunBody"], "task_outputs"> & {
  task_outputs: TaskOutput[];
};
/** A row of the audit trail. */
export type AuditEntry = Schemas["AuditRowBody"];

type ListQuery = Exclude<paths["/api/executions"]["get"]["parameters"]["query"], undefined>;
export type ExecutionsQuery = Omit<ListQuery, "status"> & {
  status?: ExecutionState | ExecutionState[];
};

/** A body with the words and outputs that the document describes only as texts and objects. */
type Precise<Body> = Omit<Body, "actions" | "context" | "result" | "status"> &
  ("status" extends keyof Body
    ? { status: "checkpoint_id" extends keyof Body ? string : ExecutionState }
    : unknown) &
  ("result" extends keyof Body ? { result: ExecutionResult | null } : unknown) &
  ("context" extends keyof Body
    ? { context: Omit<Schemas["ContextBody"], "task_outputs"> & { task_outputs: TaskOutput[] } }
    : unknown) &
  ("actions" extends keyof Body
    ? { actions: ("checkpoint_id" extends keyof Body ? Action : "cancel" | "retry")[] }
    : unknown);

const ALL: readonly Action[] = ["continue", "revise", "skip", "stop"];

/** What can be decided at a checkpoint, in the order of the buttons. */
export function offeredActions({ actions }: Checkpoint): readonly Action[] {
  return ALL.filter((action) => actions.includes(action));
}

/** A page of a list. `next` goes into the next call as `cursor`; null: this is the last page. */
export interface Page<T> {
  items: T[];
  next: string | null;
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
