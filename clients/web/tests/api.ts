import type { ServerResponse } from "node:http";
import type { Checkpoint, ExecutionState, FeedbackRequest } from "../src/index.js";
import { checkpoint, execution } from "./samples.js";
import { json, message, problem, stream, TestServer, type Received } from "./server.js";

const STATES = { continue: "completed", skip: "completed", stop: "stopped", revise: "running" } as const;

/** One execution behind real HTTP, as the API tells of it, with a network that a test can break. */
export class Api {
  readonly server = new TestServer();
  /** Whether streams of events are served. `silent`: opened, but nothing gets through. */
  streams: "served" | "silent" | "refused" = "served";
  /** Answer the next decision so, instead of carrying it out. */
  refuseNext: ((response: ServerResponse) => void) | null = null;
  decisions: FeedbackRequest[] = [];

  private state: ExecutionState = "pending";
  private waiting: Checkpoint | null = null;
  private version = 0;
  /** The answers by Idempotency-Key. One without an answer is no answer. */
  private readonly answers = new Map<string, (response: ServerResponse) => void>();
  private events: string[] = [];
  private readonly listeners = new Set<ServerResponse>();
  private pollers: (() => void)[] = [];

  async start(): Promise<this> {
    await this.server.start();
    this.server.handle((request, response) => this.answer(request, response));
    return this;
  }

  get openStreams(): number {
    return this.listeners.size;
  }

  /** The paths that were asked for, each once. */
  get paths(): Set<string> {
    return new Set(this.server.received.map((each) => each.path));
  }

  /** Let a checkpoint wait. */
  ask(changes: Partial<Checkpoint> = {}): void {
    this.waiting = checkpoint(changes);
    this.change("waiting_feedback", "checkpoint.waiting", {
      checkpoint_id: this.waiting.checkpoint_id,
    });
  }

  /** Decide the checkpoint that waits, as somebody else would. */
  decide(action: keyof typeof STATES): void {
    const checkpoint_id = this.waiting?.checkpoint_id;
    this.waiting = null;
    this.change(STATES[action], "checkpoint.decided", { checkpoint_id, action });
    if (STATES[action] !== "running") this.emit(`execution.${STATES[action]}`, {});
  }

  private change(state: ExecutionState, type: string, data: object): void {
    this.state = state;
    this.version += 1;
    this.emit(type, data);
    for (const tell of this.pollers.splice(0)) tell();
  }

  private emit(type: string, data: object): void {
    const event = message(this.events.length + 1, type, "e1", { status: this.state, ...data });
    this.events.push(event);
    if (this.streams === "served") for (const listener of this.listeners) listener.write(event);
  }

  private answer(request: Received, response: ServerResponse): void {
    const { pathname } = new URL(request.path, "http://any");
    if (pathname === "/api/crew/execute") {
      if (this.state === "pending") this.change("running", "execution.started", {});
      json(response, this.execution());
    } else if (pathname === "/api/crew/status/e1") this.status(request, response);
    else if (pathname === "/api/crew/checkpoint/e1") {
      if (this.waiting === null) response.writeHead(204).end();
      else json(response, this.waiting);
    } else if (pathname === "/api/crew/feedback") this.feedback(request, response);
    else if (pathname === "/api/executions/e1/events") this.open(request, response);
    else problem(response, 404, `nothing at ${pathname}`);
  }

  private execution() {
    const output = { status: "complete", output: "The result", task_outputs: [] };
    return execution({
      status: this.state,
      current_checkpoint: this.waiting?.checkpoint_id ?? null,
      result: this.state === "completed" ? output : null,
    });
  }

  private status(request: Received, response: ServerResponse): void {
    const known = request.headers["if-none-match"];
    const wait = request.path.includes("wait=");
    const tell = (): void => {
      const ETag = `"${this.version}"`;
      if (known === ETag) response.writeHead(304, { ETag }).end();
      else json(response, this.execution(), 200, { ETag });
    };
    if (wait && known === `"${this.version}"`) this.pollers.push(tell);
    else tell();
  }

  private feedback(request: Received, response: ServerResponse): void {
    const decision = request.body as FeedbackRequest;
    const key = String(request.headers["idempotency-key"]);
    const first = this.answers.get(key);
    if (first !== undefined) return first(response);
    const refuse = this.refuseNext;
    this.refuseNext = null;
    if (refuse !== null) {
      refuse(response);
      if (!response.destroyed) this.answers.set(key, refuse);
    } else if (this.waiting?.checkpoint_id !== decision.checkpoint_id) {
      problem(response, 409, "checkpoint 'look' was already continued by Maria");
    } else {
      this.decisions.push(decision);
      const tell = (to: ServerResponse): void =>
        json(to, { status: "feedback_received", ...decision });
      this.answers.set(key, tell);
      this.decide(decision.action);
      tell(response);
    }
  }

  private open(request: Received, response: ServerResponse): void {
    if (this.streams === "refused") return problem(response, 501, "no streams here");
    stream(response);
    if (this.streams === "silent") return;
    const last = Number(request.headers["last-event-id"] ?? 0);
    response.write(`retry: 20\n\n${this.events.slice(last).join("")}`);
    this.listeners.add(response);
    response.on("close", () => this.listeners.delete(response));
  }
}
