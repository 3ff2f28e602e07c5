import type { CountersignClient, ExecutionState, ExecutionStatus, TaskOutput } from "@countersign/web";

/** What the pages show, read from the answers of the API. */

export interface Person {
  kind: string;
  id: string;
  name: string;
}

export interface WaitingItem {
  id: string;
  executionId: string;
  crew: string;
  question: string;
  kind: string;
  phase: string;
  revision: number;
  request: string;
  requester: Person | null;
  createdAt: string;
  deadline: string | null;
  onTimeout: string | null;
  approvers: string[];
}

export interface RunItem {
  id: string;
  crew: string;
  status: ExecutionState;
  request: string;
  requester: Person | null;
  createdAt: string;
  endedAt: string | null;
}

export interface PhaseView {
  id: string;
  phase: string;
  state: string;
  revision: number;
  attempt: number;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  error: string | null;
  output: string | null;
  tasks: TaskOutput[];
  files: FileView[];
}

export interface FileView {
  path: string;
  size: number;
  kept: boolean;
  deleted: boolean;
}

export interface CheckpointView {
  id: string;
  name: string;
  question: string;
  kind: string;
  state: string;
  phase: string;
  revision: number;
  createdAt: string;
  deadline: string | null;
  onTimeout: string | null;
  approvers: string[];
  output: string | null;
  files: FileView[];
  decision: DecisionView | null;
}

export interface DecisionView {
  action: string;
  actor: Person | null;
  text: string;
  outcome: string | null;
  values: Record<string, unknown>;
  at: string;
}

export interface RunView extends RunItem {
  error: string | null;
  inputs: Record<string, unknown>;
  usage: ExecutionStatus["usage"] | null;
  phases: PhaseView[];
  checkpoints: CheckpointView[];
}
