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

/** What a person is called. Slack's ids stand for people whose name is not known. */
export function personName(person: Person): string {
  if (person.kind === "timeout") return "the deadline";
  return person.name || person.id;
}

interface Raw {
  [name: string]: unknown;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);
const number = (value: unknown, otherwise: number): number =>
  typeof value === "number" ? value : otherwise;
const record = (value: unknown): Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Raw) : {};
const list = (value: unknown): Raw[] => (Array.isArray(value) ? value.map(record) : []);
const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];

function person(value: unknown): Person | null {
  if (typeof value === "string") return value === "" ? null : { kind: "", id: value, name: value };
  const { kind, id, name } = record(value);
  return typeof id === "string" ? { kind: text(kind), id, name: text(name) } : null;
}

function requestText(raw: Raw): string {
  const request = raw.request;
  if (typeof request === "string") return request;
  const { text: words, message, user_input } = record(request);
  return text(words) || text(message) || text(user_input);
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
        request: requestText(raw),
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
    ...(filter.status !== "" && { status: filter.status as ExecutionState }),
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
    request: requestText(raw),
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
  return {
    ...runItem(raw),
    error: textOrNull(raw.error),
    inputs: record(raw.inputs),
    usage: (raw.usage ?? null) as RunView["usage"],
    phases: list(raw.phases).map(phase),
    checkpoints: list(raw.checkpoints).map(checkpoint),
  };
}

function phase(raw: Raw, index: number): PhaseView {
  const output = record(raw.output);
  return {
    id: text(raw.id) || String(index),
    phase: text(raw.phase) || text(raw.name),
    state: text(raw.state) || text(raw.status),
    revision: number(raw.revision, 1),
    attempt: number(raw.attempt, 1),
    createdAt: text(raw.created_at),
    startedAt: textOrNull(raw.started_at),
    endedAt: textOrNull(raw.ended_at),
    error: textOrNull(raw.error),
    output: textOrNull(raw.output) ?? textOrNull(output.output),
    tasks: list(raw.task_outputs ?? output.task_outputs) as unknown as TaskOutput[],
    files: list(raw.files ?? output.files).map(file),
  };
}

function file(raw: Raw): FileView {
  return {
    path: text(raw.path),
    size: number(raw.size, 0),
    kept: raw.kept !== false,
    deleted: raw.deleted === true,
  };
}

function checkpoint(raw: Raw): CheckpointView {
  const decided = record(raw.decision ?? raw.feedback);
  const action = text(decided.action);
  return {
    id: text(raw.checkpoint_id),
    name: text(raw.checkpoint_name) || text(raw.name),
    question: text(raw.description) || text(raw.checkpoint_name) || text(raw.name),
    kind: text(raw.kind),
    state: text(raw.status) || text(raw.state),
    phase: text(raw.phase),
    revision: number(raw.revision, 1),
    createdAt: text(raw.created_at),
    deadline: textOrNull(raw.deadline),
    onTimeout: textOrNull(raw.on_timeout),
    approvers: names(raw.approvers),
    output: textOrNull(record(raw.context).output) ?? textOrNull(raw.output),
    files: list(raw.files).map(file),
    decision:
      action === ""
        ? null
        : {
            action,
            actor: person(decided.actor),
            text: text(decided.text) || text(decided.feedback),
            outcome: textOrNull(decided.outcome),
            values: record(decided.values),
            at: text(decided.at) || text(decided.decided_at),
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
  const before = run.phases.findLast(
    (each) => each.phase === of.phase && each.revision < of.revision && each.output !== null,
  );
  return before === undefined ? null : { revision: before.revision, output: before.output ?? "" };
}
