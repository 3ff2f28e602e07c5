/**
 * Why a request failed, as RFC 9457 describes it. `status` is 0 if no answer came at all.
 *
 * `detail` is a sentence for people; `message` is the same.
 */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Seconds after which the server wants to be asked again, if it said so. */
  readonly retryAfter: number | null;

  constructor(
    problem: { status: number; title: string; detail: string; retryAfter?: number | null },
    options?: ErrorOptions,
  ) {
    super(problem.detail, options);
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.retryAfter = problem.retryAfter ?? null;
  }

  /** Whether the request may succeed if it is sent again later. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** The problem that a response tells. Reads its body. */
  static async from(response: Response): Promise<ProblemError> {
    const body = await readObject(response);
    return new ProblemError({
      status: response.status,
      title: text(body.title) || text(body.error) || response.statusText || "Error",
      detail:
        text(body.detail) || text(body.message) || `The server answered ${response.status}.`,
      retryAfter: seconds(response.headers.get("Retry-After")),
    });
  }

  /** The problem of a request that got no answer. */
  static unreachable(cause: unknown): ProblemError {
    return new ProblemError(
      { status: 0, title: "No connection", detail: "The server cannot be reached." },
      { cause },
    );
  }

  /** The problem of a request that was not answered in time. */
  static late(): ProblemError {
    return new ProblemError({
      status: 0,
      title: "No answer",
      detail: "The server did not answer in time.",
    });
  }
}

async function readObject(response: Response): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? { ...body } : {};
  } catch {
    return {}; // a proxy's page, for example
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function seconds(header: string | null): number | null {
  return header !== null && /^\d+$/.test(header.trim()) ? Number(header) : null;
}
