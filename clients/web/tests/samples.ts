import type { Checkpoint, ExecutionStatus } from "../src/index.js";

export function checkpoint(changes: Partial<Checkpoint> = {}, output = "# A plan"): Checkpoint {
  return {
    execution_id: "e1",
    checkpoint_id: "c1",
    checkpoint_name: "look",
    description: "Read the plan",
    context: {
      output,
      task_outputs: [{ task: "write", agent: "writer", output }],
      revision: 1,
      feedback: null,
    },
    status: "pending",
    created_at: "2026-01-01T00:00:00Z",
    phase: "write",
    revision: 1,
    approvers: ["@channel"],
    deadline: null,
    on_timeout: null,
    kind: "phase",
    outcomes: [],
    files: [],
    summary: null,
    form: [],
    output_hash: "h1",
    actions: ["continue", "revise", "stop", "skip"],
    ...changes,
  };
}

export function execution(changes: Partial<ExecutionStatus> = {}): ExecutionStatus {
  return {
    execution_id: "e1",
    status: "running",
    current_checkpoint: null,
    completed_checkpoints: [],
    result: null,
    error: null,
    usage: { tokens: 0, at_least: false, cost: null, price_unknown: [], by_phase: [], by_model: [] },
    ...changes,
  };
}
