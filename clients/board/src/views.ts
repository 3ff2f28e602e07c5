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

/** A try of a phase. */
export interface PhaseView {
  key: string;
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
}

export interface FileView {
  path: string;
  size: number;
  kept: boolean;
  deleted: boolean;
}

export interface CheckpointView {
  id: string;
  question: string;
  state: string;
  phase: string;
  revision: number;
  createdAt: string;
  approvers: string[];
  files: FileView[];
  decision: DecisionView | null;
}

export interface DecisionView {
  action: string;
  actor: Person | null;
  text: string;
  outcome: string | null;
  values: Record<string, unknown>;
  means: string | null;
  at: string;
}

export interface RunView extends RunItem {
  error: string | null;
  inputs: [string, string][];
  usage: ExecutionStatus["usage"] | null;
  runs: PhaseView[];
  /** The names of all phases, in order. */
  phases: string[];
  checkpoints: CheckpointView[];
  actions: string[];
  permalink: string | null;
  endedBy: Person | null;
  changedAt: string;
}

/** What a person is called. Slack's ids stand for people whose name is not known. */
export function personName(person: Person): string {
  if (person.kind === "timeout") return "the deadline";
  return person.name || person.id;
}

interface Raw {
  [name: string]: unknown;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const textOrNull = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;
const number = (value: unknown): number => (typeof value === "number" ? value : 1);
const record = (value: unknown): Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Raw) : {};
const list = (value: unknown): Raw[] => (Array.isArray(value) ? value.map(record) : []);
const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];

function person(value: unknown): Person | null {
  const { kind, id, name } = record(value);
  return typeof id === "string" ? { kind: text(kind), id, name: text(name) } : null;
}

export interface PageOf<T> {
  items: T[];
  next: string | null;
}

const LIMIT = 25;

export async function waiting(
  client: CountersignClient,
  cursor: string | null,
  signal: AbortSignal,
): Promise<PageOf<WaitingItem>> {
  const query = cursor === null ? { limit: LIMIT } : { limit: LIMIT, cursor };
  const page = await client.waiting(query, { signal });
  return {
    next: page.next,
    items: page.items.map((each) => {
      const raw = { ...each } as Raw;
      return {
        id: each.checkpoint_id,
        executionId: each.execution_id,
        crew: text(raw.crew),
        question: each.description || each.checkpoint_name,
        kind: each.kind,
        phase: each.phase,
        revision: each.revision,
        request: text(raw.message),
        requester: person(raw.requester),
        createdAt: each.created_at,
        deadline: each.deadline,
        onTimeout: each.on_timeout,
        approvers: each.approvers,
      };
    }),
  };
}

export async function runs(
  client: CountersignClient,
  filter: { status: string; crew: string; cursor: string | null },
  signal: AbortSignal,
): Promise<PageOf<RunItem>> {
  const query = {
    limit: LIMIT,
    ...(filter.status !== "" && { status: [filter.status as ExecutionState] }),
    ...(filter.crew !== "" && { crew: filter.crew }),
    ...(filter.cursor !== null && { cursor: filter.cursor }),
  };
  const page = await client.executions(query, { signal });
  return { next: page.next, items: page.items.map((each) => runItem(each)) };
}

function runItem(raw: Raw): RunItem {
  return {
    id: text(raw.execution_id),
    crew: text(raw.crew),
    status: text(raw.status) as ExecutionState,
    request: text(raw.message),
    requester: person(raw.requester),
    createdAt: text(raw.created_at),
    endedAt: textOrNull(raw.ended_at),
  };
}

export async function run(
  client: CountersignClient,
  id: string,
  signal: AbortSignal,
): Promise<RunView> {
  const raw: Raw = await client.execution(id, { signal });
  const item = runItem(raw);
  return {
    ...item,
    error: textOrNull(raw.error),
    inputs: inputs(record(raw.request), item.request),
    usage: (raw.usage ?? null) as RunView["usage"],
    runs: list(raw.runs).map(phaseRun),
    phases: names(raw.phases),
    checkpoints: list(raw.checkpoints).map(checkpoint),
    actions: names(raw.actions),
    permalink: textOrNull(raw.permalink),
    endedBy: person(raw.ended_by),
    changedAt: text(raw.updated_at),
  };
}

/** What the crew got besides the request itself, which is the page's heading. */
function inputs(request: Raw, said: string): [string, string][] {
  const all = { ...record(request.inputs) };
  if (textOrNull(request.language) !== null) all.language ??= request.language;
  if (textOrNull(request.campaign_context) !== null) {
    all.campaign_context ??= request.campaign_context;
  }
  return Object.entries(all)
    .filter(([, value]) => value !== "" && value !== null && value !== said)
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

function phaseRun(raw: Raw): PhaseView {
  return {
    key: [raw.phase_index, raw.revision, raw.attempt, raw.created_at].join(" "),
    phase: text(raw.phase),
    state: text(raw.status),
    revision: number(raw.revision),
    attempt: number(raw.attempt),
    createdAt: text(raw.created_at),
    startedAt: textOrNull(raw.started_at),
    endedAt: textOrNull(raw.ended_at),
    error: textOrNull(raw.error),
    output: textOrNull(raw.output),
    tasks: list(raw.task_outputs) as unknown as TaskOutput[],
  };
}

function checkpoint(raw: Raw): CheckpointView {
  const decision = record(raw.decision);
  return {
    id: text(raw.checkpoint_id),
    question: text(raw.description) || text(raw.checkpoint_name),
    state: text(raw.status),
    phase: text(raw.phase),
    revision: number(raw.revision),
    createdAt: text(raw.created_at),
    approvers: names(raw.approvers),
    files: list(raw.files) as unknown as FileView[],
    decision:
      typeof decision.action !== "string"
        ? null
        : {
            action: decision.action,
            actor: person(decision.actor),
            text: text(decision.feedback),
            outcome: textOrNull(decision.outcome),
            values: record(decision.values),
            means: textOrNull(decision.means),
            at: text(decision.decided_at),
          },
  };
}

export interface AuditRow {
  seq: number;
  event: string;
  at: string;
  actor: Person | null;
  details: [string, string][];
}

export async function audit(
  client: CountersignClient,
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<PageOf<AuditRow>> {
  const query = cursor === null ? { limit: 50 } : { limit: 50, cursor };
  const page = await client.audit(id, query, { signal });
  return {
    next: page.next,
    items: page.items.map((row) => ({
      seq: row.seq,
      event: row.event,
      at: row.at,
      actor: person(row.actor),
      details: Object.entries(record(row.details))
        .filter(([, value]) => value !== null && value !== "")
        .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    })),
  };
}

export async function crewNames(client: CountersignClient, signal: AbortSignal): Promise<string[]> {
  return (await client.crews({ signal })).items.map((crew) => crew.name);
}

export interface Earlier {
  revision: number;
  output: string;
}

/** What the same phase had brought before it was revised; null if it was not. */
export function outputBefore(
  run: RunView,
  of: { phase: string; revision: number } | undefined,
): Earlier | null {
  if (of === undefined || of.revision <= 1) return null;
  const before = run.runs.findLast(
    (each) => each.phase === of.phase && each.revision < of.revision && each.output !== null,
  );
  return before === undefined ? null : { revision: before.revision, output: before.output ?? "" };
}
