import type { ExecutionState } from "@countersign/web";

export const STATES: Readonly<Record<ExecutionState, string>> = {
  pending: "Waits to start",
  running: "Running",
  waiting_feedback: "Waits for a decision",
  completed: "Completed",
  error: "Failed",
  cancelled: "Cancelled",
  stopped: "Stopped",
};

export const DECISIONS: Readonly<Record<string, string>> = {
  continue: "continued",
  revise: "asked for a revision",
  skip: "skipped",
  stop: "stopped",
};

/** What a timeout does. */
export const TIMEOUTS: Readonly<Record<string, string>> = {
  continue: "then it continues",
  skip: "then it is skipped",
  stop: "then the run stops",
  fail: "then the run fails",
};

export const KINDS: Readonly<Record<string, string>> = {
  gate: "The flow waits for a decision",
  tool: "An agent wants to use a tool",
  question: "A question",
  task: "A task to review",
  budget: "The budget is used up",
};

/** Those who may decide, in words; the rule's own words where they are people or groups. */
export function approvers(rule: readonly string[]): string {
  if (rule.length === 0) return "nobody by Slack";
  return rule
    .map((each) => {
      if (each === "@channel") return "anybody in the channel";
      if (each === "@requester") return "who asked for it";
      return each;
    })
    .join(", ");
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes / 1e5) / 10} MB`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}
