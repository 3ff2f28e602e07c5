import type {
  Actor,
  AuditEntry,
  CountersignClient,
  DecidedCheckpoint,
  ExecutionDetail,
  ExecutionState,
  ExecutionSummary,
  Page,
  PhaseRun,
  WaitingCheckpoint,
} from "@countersign/web";

/** What the pages ask the API for, and what they read out of its answers. */

const LIMIT = 25;
const ROWS = 50;

const after = (cursor: string | null): { cursor?: string } => (cursor === null ? {} : { cursor });

export async function waiting(
  client: CountersignClient,
  cursor: string | null,
  signal: AbortSignal,
): Promise<Page<WaitingCheckpoint>> {
  return await client.waiting({ limit: LIMIT, ...after(cursor) }, { signal });
}

export async function runs(
  client: CountersignClient,
  filter: { status: string; crew: string; cursor: string | null },
  signal: AbortSignal,
): Promise<Page<ExecutionSummary>> {
  const query = {
    limit: LIMIT,
    ...(filter.status !== "" && { status: [filter.status as ExecutionState] }),
    ...(filter.crew !== "" && { crew: filter.crew }),
    ...after(filter.cursor),
  };
  return await client.executions(query, { signal });
}

export async function audit(
  client: CountersignClient,
  id: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<Page<AuditEntry>> {
  return await client.audit(id, { limit: ROWS, ...after(cursor) }, { signal });
}

export async function crewNames(client: CountersignClient, signal: AbortSignal): Promise<string[]> {
  return (await client.crews({ signal })).items.map((crew) => crew.name);
}

/** What a person is called. Slack's ids stand for people whose name is not known. */
export function personName(actor: Actor): string {
  return actor.kind === "timeout" ? "the deadline" : actor.name || actor.id;
}

/** What a checkpoint asks. */
export function questionOf(checkpoint: { description: string; checkpoint_name: string }): string {
  return checkpoint.description || checkpoint.checkpoint_name;
}

/** What a run is about. */
export function subjectOf(run: { message: string; crew: string }): string {
  return run.message || `A run of ${run.crew}`;
}

/** What the crew got besides the request itself, which is the page's heading. */
export function inputsOf({ request, message }: ExecutionDetail): [string, string][] {
  const general = { language: request.language, campaign_context: request.campaign_context };
  return valuesOf({ ...general, ...request.inputs }).filter(([, value]) => value !== message);
}

/** Values as texts, without those that are empty. */
export function valuesOf(values: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(values)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

/** The phases that have not begun. */
export function phasesToCome(run: ExecutionDetail): string[] {
  const begun = new Set(run.runs.map((each) => each.phase));
  return run.phases.filter((phase) => !begun.has(phase));
}

/** The files that a phase wrote, as the checkpoint after it shows them. */
export function filesOf(run: ExecutionDetail, of: PhaseRun): DecidedCheckpoint["files"] {
  const shown = run.checkpoints.findLast(
    (each) => each.phase === of.phase && each.revision === of.revision,
  );
  return shown?.files ?? [];
}

/** What the same phase had brought before it was revised; null if it was not. */
export function outputBefore(
  run: ExecutionDetail,
  of: { phase: string; revision: number },
): { revision: number; output: string } | null {
  const before = run.runs.findLast(
    (each) => each.phase === of.phase && each.revision < of.revision && each.output !== null,
  );
  return before === undefined ? null : { revision: before.revision, output: before.output ?? "" };
}
