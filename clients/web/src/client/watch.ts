import type { CountersignClient } from "./client.js";
import { ProblemError } from "./problem.js";
import { backoff, linked, pause } from "./timing.js";
import type { Checkpoint, ExecutionEvent, ExecutionState, ExecutionStatus } from "./types.js";

/** An execution, and the checkpoint that waits for a decision, if one does. */
export interface Snapshot {
  execution: ExecutionStatus;
  checkpoint: Checkpoint | null;
}

/**
 * How changes arrive: `live` by events, `polling` because no events get through, `offline` not at
 * all, because the server cannot be reached.
 */
export type Link = "connecting" | "live" | "polling" | "offline";

export interface WatchOptions {
  signal?: AbortSignal;
  onSnapshot(snapshot: Snapshot): void;
  onEvent?(event: ExecutionEvent): void;
  onLink?(link: Link): void;
  /** Milliseconds that events may take to arrive before the status is polled instead. */
  grace?: number;
  /** Seconds that the server may take to answer a poll. */
  wait?: number;
  /** Milliseconds between polls of a server that answers them at once. */
  interval?: number;
}

const ENDED = new Set<ExecutionState>(["completed", "stopped", "cancelled"]);

/** Whether nothing can happen to an execution in this state. One in `error` may be retried. */
export function hasEnded(state: ExecutionState): boolean {
  return ENDED.has(state);
}

/**
 * Follow an execution until it has ended or the signal is aborted.
 *
 * Events say when to look; while none get through, the status is polled. So a proxy that holds
 * streams back costs a little speed, and nothing else.
 * @throws ProblemError if the server refuses.
 */
export async function watchExecution(
  client: CountersignClient,
  executionId: string,
  options: WatchOptions,
): Promise<void> {
  const { controller, release } = linked(options.signal);
  try {
    await new Watch(client, executionId, options, controller.signal).run();
  } finally {
    controller.abort();
    release();
  }
}

class Watch {
  private readonly grace: number;
  private readonly interval: number;
  private current: Snapshot | null = null;
  private etag: string | null = null;
  private link: Link | null = null;
  private live = false;
  private lostAt = Date.now();
  private news = new AbortController();

  constructor(
    private readonly client: CountersignClient,
    private readonly executionId: string,
    private readonly options: WatchOptions,
    private readonly signal: AbortSignal,
  ) {
    this.grace = options.grace ?? 3000;
    this.interval = options.interval ?? 2000;
    signal.addEventListener("abort", () => this.news.abort(), { once: true });
  }

  async run(): Promise<void> {
    this.report("connecting");
    void this.follow();
    let failures = 0;
    while (!this.signal.aborted) {
      const began = Date.now();
      const polls = !this.live && this.current !== null && began - this.lostAt >= this.grace;
      const heard = this.listen();
      if (polls && failures === 0) this.report("polling");
      let changed: boolean;
      try {
        changed = await this.look(polls, heard);
      } catch (error) {
        if (this.signal.aborted) return;
        if (!(error instanceof ProblemError) || !error.passes) throw error;
        this.report("offline");
        await pause(backoff(failures), this.signal);
        failures += 1;
        continue;
      }
      failures = 0;
      if (this.current !== null && hasEnded(this.current.execution.status)) return;
      if (this.live) {
        this.report("live");
        await pause(UNTIL_HEARD, heard);
      } else if (polls) {
        // A server that cannot wait is not asked without a pause.
        const isPaced = changed && this.etag !== null;
        if (!isPaced) await pause(began + this.interval - Date.now(), heard);
      } else {
        await pause(this.grace, heard);
      }
    }
  }

  /** A signal that is aborted by the next thing that is heard. */
  private listen(): AbortSignal {
    if (this.news.signal.aborted && !this.signal.aborted) this.news = new AbortController();
    return this.news.signal;
  }

  /** Hear of changes. Only `look` says what they are. */
  private async follow(): Promise<void> {
    try {
      const events = this.client.events({
        executionId: this.executionId,
        signal: this.signal,
        onConnection: (connection) => this.turn(connection === "open"),
      });
      for await (const event of events) {
        this.options.onEvent?.(event);
        this.news.abort();
      }
    } catch {
      // The server refuses the stream. The next look shows whether it refuses the status, too.
    }
    this.turn(false);
  }

  private turn(live: boolean): void {
    if (this.live && !live) this.lostAt = Date.now();
    this.live = live;
    this.news.abort();
  }

  /** Load what has changed, if it has. `waits`: until it does, or until something is heard. */
  private async look(waits: boolean, heard: AbortSignal): Promise<boolean> {
    const status = await (waits ? this.change(heard) : this.poll(this.signal));
    if (status === null || this.signal.aborted) return false;
    const waiting = status.status === "waiting_feedback" ? status.current_checkpoint : null;
    let checkpoint = this.current?.checkpoint ?? null;
    if (waiting !== checkpoint?.checkpoint_id) {
      checkpoint = waiting === null ? null : await this.checkpoint();
      if (this.signal.aborted) return false;
    }
    this.current = { execution: status, checkpoint };
    this.options.onSnapshot(this.current);
    return true;
  }

  private async poll(signal: AbortSignal, wait = 0): Promise<ExecutionStatus | null> {
    const { etag } = this;
    const polled = await this.client.poll(this.executionId, { etag, wait, signal });
    this.etag = polled.etag;
    return polled.status;
  }

  private async change(heard: AbortSignal): Promise<ExecutionStatus | null> {
    try {
      return await this.poll(heard, this.options.wait ?? 25);
    } catch (error) {
      if (heard.aborted) return null;
      throw error;
    }
  }

  private async checkpoint(): Promise<Checkpoint | null> {
    try {
      return await this.client.checkpoint(this.executionId, { signal: this.signal });
    } catch (error) {
      this.etag = null; // so that the status is loaded again, too
      // 400: the execution has ended since its status was read.
      if (error instanceof ProblemError && error.status === 400) return null;
      throw error;
    }
  }

  private report(link: Link): void {
    if (this.link !== link) this.options.onLink?.(link);
    this.link = link;
  }
}

const UNTIL_HEARD = 2 ** 31 - 1;
