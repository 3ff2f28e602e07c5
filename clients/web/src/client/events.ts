import { ProblemError } from "./problem.js";
import { SseParser, type SseMessage } from "./sse.js";
import { backoff, linked, pause } from "./timing.js";
import type { Transport } from "./transport.js";
import type { ExecutionEvent } from "./types.js";

/** Whether events arrive: `open` as soon as the server has sent something. */
export type Connection = "connecting" | "open" | "reconnecting" | "closed";

export interface EventsOptions {
  /** The events of one execution, from its first. Without it: all events, from now on. */
  executionId?: string;
  /** The `id` of the last event that was received: what follows it comes. */
  lastEventId?: string;
  /** Ends the iteration without an error. */
  signal?: AbortSignal;
  onConnection?: (connection: Connection) => void;
  /** Milliseconds without even a heartbeat after which the connection counts as lost. */
  silence?: number;
}

const SILENCE = 45_000;
const FIRST_WAIT = 500;
const FINAL = new Set(["execution.completed", "execution.stopped", "execution.cancelled"]);

/**
 * The events, over as many connections as it takes: after a loss it connects again, with the id of
 * the last event, so that none is missing and none comes twice.
 *
 * It ends when the signal is aborted, or when the execution has ended and the server has closed the
 * stream. @throws ProblemError if the server refuses: 401, 403, 404 and their like.
 */
export async function* streamEvents(
  transport: Transport,
  options: EventsOptions,
): AsyncGenerator<ExecutionEvent, void, undefined> {
  const { executionId, signal } = options;
  const path =
    executionId === undefined
      ? "/api/events"
      : `/api/executions/${encodeURIComponent(executionId)}/events`;
  const resume = { id: options.lastEventId ?? "", retry: null as number | null };
  let failures = 0;
  let connection: Connection | null = null;
  const report = (next: Connection): void => {
    if (connection !== next) options.onConnection?.(next);
    connection = next;
  };
  try {
    report("connecting");
    while (!signal?.aborted) {
      let ended = false;
      let asked = 0;
      try {
        const opened = stream(transport, path, resume, options);
        for await (const messages of opened) {
          failures = 0;
          report("open");
          for (const message of messages) {
            const event = eventOf(message);
            if (event === null) continue;
            ended = executionId !== undefined && FINAL.has(event.type);
            yield event;
          }
        }
      } catch (error) {
        if (signal?.aborted || error instanceof NothingFollows) return;
        if (error instanceof ProblemError && refuses(error)) throw error;
        ended = false;
        asked = error instanceof ProblemError ? (error.retryAfter ?? 0) * 1000 : 0;
      }
      if (ended) return;
      report("reconnecting");
      await pause(Math.max(asked, backoff(failures, resume.retry ?? FIRST_WAIT)), signal);
      failures += 1;
    }
  } finally {
    report("closed");
  }
}

/** The execution has ended, and its last event was received before. */
class NothingFollows extends Error {}

/** One connection: the messages of every piece that arrives, and none for a heartbeat. */
async function* stream(
  transport: Transport,
  path: string,
  state: { id: string; retry: number | null },
  options: EventsOptions,
): AsyncGenerator<SseMessage[], void, undefined> {
  const { controller, release } = linked(options.signal);
  const limit = options.silence ?? SILENCE;
  let timer = setTimeout(() => controller.abort(), limit);
  try {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (state.id !== "") headers["Last-Event-ID"] = state.id;
    const response = await transport.open(path, { headers, signal: controller.signal });
    if (response.status === 204) throw new NothingFollows();
    const type = response.headers.get("Content-Type") ?? "";
    if (response.body === null || !type.startsWith("text/event-stream")) {
      throw new ProblemError({
        status: 502,
        title: "No stream",
        detail: "The answer is no stream of events.",
      });
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser(state.id);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), limit);
      const messages = parser.push(decoder.decode(value, { stream: true }));
      state.retry = parser.retry ?? state.retry;
      // The id counts once its message has been handed on.
      yield messages;
      state.id = parser.lastEventId;
    }
  } finally {
    clearTimeout(timer);
    controller.abort();
    release();
  }
}

function eventOf(message: SseMessage): ExecutionEvent | null {
  try {
    const data: unknown = JSON.parse(message.data);
    if (typeof data !== "object" || data === null || !("execution_id" in data)) return null;
    return { ...(data as Omit<ExecutionEvent, "id">), id: message.id };
  } catch {
    return null;
  }
}

/** Whether asking again is useless: the client errors, without those that pass. */
function refuses(error: ProblemError): boolean {
  return error.status >= 400 && error.status < 500 && ![408, 425, 429].includes(error.status);
}
