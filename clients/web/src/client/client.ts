import { streamEvents, type EventsOptions } from "./events.js";
import {
  Transport,
  type Call,
  type ClientOptions,
  type Query,
  type RequestOptions,
} from "./transport.js";
import type {
  AuditEntry,
  Checkpoint,
  Crew,
  ExecuteRequest,
  ExecutionDetail,
  ExecutionEvent,
  ExecutionStatus,
  ExecutionsQuery,
  ExecutionSummary,
  FeedbackReceived,
  FeedbackRequest,
  Page,
  WaitingCheckpoint,
} from "./types.js";

export interface WriteOptions extends RequestOptions {
  /** The same key makes a repeated call the same call. Default: a new one for each call. */
  idempotencyKey?: string;
}

export interface PollOptions extends RequestOptions {
  /** The `etag` of the status that is known. */
  etag?: string | null;
  /** Seconds that the server waits for a change before it answers. */
  wait?: number;
}

/** `status` is null if nothing has changed. */
export interface Polled {
  status: ExecutionStatus | null;
  etag: string | null;
}

export interface PageOptions {
  limit?: number;
  cursor?: string;
}

/** The calls of the API. All of them throw `ProblemError` if they fail. */
export interface CountersignClient {
  /** Start a crew. */
  execute(request: ExecuteRequest, options?: WriteOptions): Promise<ExecutionStatus>;
  status(executionId: string, options?: RequestOptions): Promise<ExecutionStatus>;
  /** The status if it is another one than that of the `etag`. */
  poll(executionId: string, options?: PollOptions): Promise<Polled>;
  /** The checkpoint that waits; null if none does. */
  checkpoint(executionId: string, options?: RequestOptions): Promise<Checkpoint | null>;
  /** Decide. */
  feedback(decision: FeedbackRequest, options?: WriteOptions): Promise<FeedbackReceived>;

  executions(query?: ExecutionsQuery, options?: RequestOptions): Promise<Page<ExecutionSummary>>;
  execution(executionId: string, options?: RequestOptions): Promise<ExecutionDetail>;
  audit(
    executionId: string,
    query?: PageOptions,
    options?: RequestOptions,
  ): Promise<Page<AuditEntry>>;
  /** The result as Markdown. */
  result(executionId: string, options?: RequestOptions): Promise<string>;
  cancel(executionId: string, options?: WriteOptions): Promise<ExecutionDetail>;
  retry(executionId: string, options?: WriteOptions): Promise<ExecutionDetail>;

  /** The checkpoints that wait for a decision of the caller. */
  waiting(query?: PageOptions, options?: RequestOptions): Promise<Page<WaitingCheckpoint>>;
  crews(options?: RequestOptions): Promise<Page<Crew>>;
  crew(name: string, options?: RequestOptions): Promise<Crew>;

  /** Events as they happen; see `EventsOptions`. */
  events(options?: EventsOptions): AsyncGenerator<ExecutionEvent, void, undefined>;
}

export function createClient(options: ClientOptions = {}): CountersignClient {
  const transport = new Transport(options);
  const get = <T>(path: string, { signal }: RequestOptions = {}, query: Query = {}): Promise<T> =>
    transport.json<T>(path, signal ? { query, signal } : { query });
  const post = <T>(path: string, body: unknown, options: WriteOptions = {}): Promise<T> =>
    transport.json<T>(path, { ...options, method: "POST", body });
  const of = (id: string): string => encodeURIComponent(id);

  return {
    execute: (request, options) => post("/api/crew/execute", request, options),
    status: (id, options) => get(`/api/crew/status/${of(id)}`, options),

    async poll(id, { etag, wait, signal } = {}) {
      const call: Call = { query: { wait: etag && wait ? wait : undefined } };
      if (signal) call.signal = signal;
      if (etag) {
        call.headers = { "If-None-Match": etag };
        call.patience = (wait ?? 0) * 1000;
      }
      const response = await transport.send(`/api/crew/status/${of(id)}`, call);
      return {
        status: response.status === 304 ? null : ((await response.json()) as ExecutionStatus),
        etag: response.headers.get("ETag") ?? etag ?? null,
      };
    },

    async checkpoint(id, { signal } = {}) {
      const response = await transport.send(
        `/api/crew/checkpoint/${of(id)}`,
        signal ? { signal } : {},
      );
      return response.status === 204 ? null : ((await response.json()) as Checkpoint);
    },

    feedback: (decision, options) => post("/api/crew/feedback", decision, options),

    executions: (query, options) => get("/api/executions", options, { ...query }),
    execution: (id, options) => get(`/api/executions/${of(id)}`, options),
    audit: (id, query, options) => get(`/api/executions/${of(id)}/audit`, options, { ...query }),
    async result(id, { signal } = {}) {
      const call: Call = { headers: { Accept: "text/markdown" } };
      if (signal) call.signal = signal;
      const response = await transport.send(`/api/executions/${of(id)}/result`, call);
      return await response.text();
    },
    cancel: (id, options) => post(`/api/executions/${of(id)}/cancel`, {}, options),
    retry: (id, options) => post(`/api/executions/${of(id)}/retry`, {}, options),

    waiting: (query, options) => get("/api/checkpoints", options, { ...query, waiting: true }),
    crews: (options) => get("/api/crews", options),
    crew: (name, options) => get(`/api/crews/${of(name)}`, options),

    events: (options = {}) => streamEvents(transport, options),
  };
}
