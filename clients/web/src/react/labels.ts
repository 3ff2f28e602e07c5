import type { Action } from "../client/index.js";

/** Every text of CheckpointApproval that does not come from the run. */
export interface Labels {
  actions: Record<Action, string>;
  /** What happened, by the state of a checkpoint. */
  decided: Record<"approved" | "revised" | "skipped" | "rejected" | "expired" | "decided", string>;
  /** What is decided about, by the kind of the checkpoint; "" for an ordinary output. */
  kinds: Record<string, string>;
  phase: (phase: string, revision: number) => string;
  asked: string;
  output: string;
  task: (task: string, agent: string) => string;
  structured: string;
  files: string;
  file: (path: string, size: string, deleted: boolean) => string;
  noOutput: string;
  outcome: string;
  outcomeNeeded: string;
  form: string;
  required: string;
  yes: string;
  no: string;
  choose: string;
  feedback: string;
  feedbackHint: string;
  answer: string;
  textNeeded: string;
  valueNeeded: string;
  numberNeeded: string;
  between: (min: number | null, max: number | null) => string;
  confirmStop: string;
  stopNow: string;
  keepGoing: string;
  deadline: string;
  deadlinePassed: string;
  onTimeout: Record<string, string>;
  sending: string;
  sent: string;
  failed: (reason: string) => string;
  newOutput: string;
  wordsKept: string;
  image: (alt: string) => string;
  scrolls: string;
}

export type PartialLabels = {
  [Name in keyof Labels]?: Labels[Name] extends (...values: never[]) => string
    ? Labels[Name]
    : Labels[Name] extends string
      ? string
      : Partial<Labels[Name]>;
};

export const ENGLISH: Labels = {
  actions: { continue: "Continue", revise: "Revise", skip: "Skip", stop: "Stop" },
  decided: {
    approved: "This was continued elsewhere.",
    revised: "This was sent back for a revision elsewhere.",
    skipped: "This was skipped elsewhere.",
    rejected: "The run was stopped elsewhere.",
    expired: "The time for a decision has passed.",
    decided: "This was decided elsewhere.",
  },
  kinds: {
    gate: "The flow waits for a decision",
    tool: "An agent wants to use a tool",
    question: "A question for you",
    task: "A task wants to be reviewed",
    budget: "The budget is used up",
  },
  phase: (phase, revision) => (revision > 1 ? `${phase}, revision ${revision}` : phase),
  asked: "The revision that was asked for",
  output: "Output",
  task: (task, agent) => (agent === "" ? task : `${task}, by ${agent}`),
  structured: "Data that is handed on",
  files: "Files that Continue publishes",
  file: (path, size, deleted) => (deleted ? `${path} (deleted)` : `${path} (${size})`),
  noOutput: "There is no output.",
  outcome: "Outcome",
  outcomeNeeded: "Choose an outcome to continue.",
  form: "Values to continue with",
  required: "required",
  yes: "Yes",
  no: "No",
  choose: "Choose…",
  feedback: "Feedback",
  feedbackHint: "Needed to revise: say what should change.",
  answer: "Your answer",
  textNeeded: "Write what should change.",
  valueNeeded: "Enter a value.",
  numberNeeded: "Enter a number.",
  between: (min, max) => {
    if (min !== null && max !== null) return `Enter a number from ${min} to ${max}.`;
    return min === null ? `Enter ${max} or less.` : `Enter ${min} or more.`;
  },
  confirmStop: "Stop the run? It cannot be continued afterwards.",
  stopNow: "Stop the run",
  keepGoing: "Go back",
  deadline: "Decide by",
  deadlinePassed: "The time to decide passed on",
  onTimeout: {
    continue: "then it continues",
    skip: "then it is skipped",
    stop: "then the run stops",
    fail: "then the run fails",
  },
  sending: "Sending your decision…",
  sent: "Your decision was sent.",
  failed: (reason) => `Nothing was decided: ${reason}`,
  newOutput: "There is a new output to decide about.",
  wordsKept: "What you wrote about the earlier output was not sent. It is still here.",
  image: (alt) => `Image: ${alt || "without a description"}`,
  scrolls: "scrolls sideways",
};

/** The English texts, with yours in their place. */
export function completeLabels(labels: PartialLabels = {}): Labels {
  return {
    ...ENGLISH,
    ...labels,
    actions: { ...ENGLISH.actions, ...labels.actions },
    decided: { ...ENGLISH.decided, ...labels.decided },
    kinds: { ...ENGLISH.kinds, ...labels.kinds },
    onTimeout: { ...ENGLISH.onTimeout, ...labels.onTimeout },
  } as Labels;
}
