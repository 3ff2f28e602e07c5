import { ProblemError } from "./problem.js";
import { backoff, linked, pause, uniqueKey } from "./timing.js";

export interface ClientOptions {
  /** Where the API is, with the path prefix if there is one. "": the origin of the page. */
  baseUrl?: string;
  /** A token, or a function that gives the current one. None: the cookie of the page, or none. */
  token?: string | (() => string | null | Promise<string | null>) | null;
  fetch?: typeof fetch;
  /** Whether cookies are sent, as in `fetch`. Default: to the page's own origin. */
  credentials?: RequestCredentials;
  /** Milliseconds after which an unanswered request is sent again. */
  timeout?: number;
  /** How many times a failed request is sent again. */
  retries?: number;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

type QueryValue = string | number | boolean | null | undefined;
/** A list is one parameter for each of its values. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[]>>;

export interface Call extends RequestOptions {
  method?: "GET" | "POST";
  query?: Query;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** For POST. A call that is repeated under the same key is carried out once. */
  idempotencyKey?: string;
  /** Milliseconds that the server may take in addition, for long polling. */
  patience?: number;
}

const LONGEST_WAIT = 20;

/** Sends requests, and sends them again if they failed in a way that passes. */
export class Transport {
  private readonly base: string;

  constructor(private readonly options: ClientOptions) {
    this.base = (options.baseUrl ?? "").replace(/\/+$/, "");
  }

  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.send(path, call);
    return (await response.json()) as T;
  }

  /**
   * Send the request and return the answer, which is a success or 304.
   *
   * Every POST has an Idempotency-Key, the same in all tries, so it is carried out once at most.
   * @throws ProblemError, or the signal's reason if it is aborted.
   */
  async send(path: string, call: Call = {}): Promise<Response> {
    const headers = { Accept: "application/json", ...call.headers };
    const retries = this.options.retries ?? 3;
    const repeated: Call =
      call.method === "POST"
        ? { ...call, idempotencyKey: call.idempotencyKey ?? uniqueKey() }
        : call;
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.once(path, { ...repeated, headers });
      } catch (error) {
        const wait = waitBefore(error, failures);
        if (wait === null || failures >= retries) throw error;
        await pause(wait, call.signal);
        call.signal?.throwIfAborted();
      }
    }
  }

  /** Open a stream. The signal ends it; nothing else does. */
  async open(path: string, call: Call): Promise<Response> {
    return await this.attempt(path, call);
  }

  private async once(path: string, call: Call): Promise<Response> {
    const { controller, release } = linked(call.signal);
    const limit = (this.options.timeout ?? 30_000) + (call.patience ?? 0);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, limit);
    try {
      const response = await this.attempt(path, { ...call, signal: controller.signal });
      const body = response.status === 204 || response.status === 304 ? null : await response.blob();
      return new Response(body, {
        status: response.status,
        statusText: response.statusText,
        headers: response.headers,
      });
    } catch (error) {
      call.signal?.throwIfAborted();
      if (late) throw ProblemError.late();
      throw error instanceof ProblemError ? error : ProblemError.unreachable(error);
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  private async attempt(path: string, call: Call): Promise<Response> {
    const send = this.options.fetch ?? globalThis.fetch;
    const headers: Record<string, string> = { ...call.headers };
    const token = await this.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    const init: RequestInit = {
      method: call.method ?? "GET",
      headers,
      credentials: this.options.credentials ?? "same-origin",
      cache: "no-store",
    };
    if (call.signal) init.signal = call.signal;
    if (call.method === "POST") {
      headers["Content-Type"] = "application/json";
      if (call.idempotencyKey) headers["Idempotency-Key"] = call.idempotencyKey;
      init.body = JSON.stringify(call.body ?? {});
    }
    let response: Response;
    try {
      response = await send(this.base + path + queryString(call.query), init);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw ProblemError.unreachable(error);
    }
    if (!response.ok && response.status !== 304) throw await ProblemError.from(response);
    return response;
  }

  private async token(): Promise<string | null> {
    const { token } = this.options;
    return (typeof token === "function" ? await token() : token) ?? null;
  }
}

/** Milliseconds to wait before another try; null: another try would not help. */
function waitBefore(error: unknown, failures: number): number | null {
  if (!(error instanceof ProblemError)) return null;
  // 409 with Retry-After: the first request with this key is still being carried out.
  const mayPass = error.passes || (error.status === 409 && error.retryAfter !== null);
  if (!mayPass || error.status === 500 || error.status === 501) return null;
  if (error.retryAfter === null) return backoff(failures);
  return error.retryAfter > LONGEST_WAIT ? null : error.retryAfter * 1000;
}

function queryString(query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? (value as readonly QueryValue[]) : [value]) {
      if (each !== undefined && each !== null) pairs.append(name, String(each));
    }
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}
