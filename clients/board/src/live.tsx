import type { Connection, CountersignClient, ExecutionEvent } from "@countersign/web";
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

/** How the page learns what happens: by events, by asking every few seconds, or not at all. */
export type Link = "connecting" | "live" | "polling";

/** Called with an event, or with null if anything may have happened. */
type Listener = (event: ExecutionEvent | null) => void;

const POLL = 4000;
const GRACE = 2500;
const HIDDEN = 60_000;

/** One stream of events for the whole page. While none comes through, listeners ask by the clock. */
class Live {
  private readonly listeners = new Set<Listener>();
  private stream: AbortController | null = null;
  private lastEventId = "";
  private timers: ReturnType<typeof setTimeout>[] = [];
  private link: Link = "connecting";

  constructor(
    private readonly client: CountersignClient,
    private readonly show: (link: Link) => void,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", this.look);
    addEventListener("online", this.again);
    addEventListener("offline", this.again);
    this.open();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.look);
    removeEventListener("online", this.again);
    removeEventListener("offline", this.again);
    this.close();
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(event: ExecutionEvent | null): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  /** A hidden page gives its connection back after a while: browsers have six for each server. */
  private readonly look = (): void => {
    if (document.visibilityState === "hidden") {
      this.after(HIDDEN, () => {
        if (document.visibilityState === "hidden") this.close();
      });
    } else if (this.stream === null) {
      this.open();
    } else {
      this.tell(null);
    }
  };

  /** The network has changed: what is open may be dead without anybody saying so. */
  private readonly again = (): void => {
    this.close();
    this.open();
    this.tell(null);
  };

  private open(): void {
    const stream = new AbortController();
    this.stream = stream;
    this.turn("connecting");
    this.after(GRACE, this.poll);
    void this.follow(stream.signal);
  }

  private close(): void {
    this.stream?.abort();
    this.stream = null;
    this.timers.forEach(clearTimeout);
    this.timers = [];
  }

  private async follow(signal: AbortSignal): Promise<void> {
    try {
      const events = this.client.events({
        signal,
        onConnection: (connection) => this.connected(connection, signal),
        ...(this.lastEventId === "" ? {} : { lastEventId: this.lastEventId }),
      });
      for await (const event of events) {
        this.lastEventId = event.id;
        this.tell(event);
      }
    } catch {
      // The stream is refused. Whatever is asked for next says why, in words.
      if (!signal.aborted) this.turn("polling");
    }
  }

  private connected(connection: Connection, signal: AbortSignal): void {
    if (signal.aborted) return;
    if (connection === "open") {
      this.turn("live");
      // What was loaded before the stream began may be out of date.
      this.tell(null);
    } else if (connection !== "connecting" && this.link === "live") {
      this.turn("connecting");
      this.after(GRACE, this.poll);
    }
  }

  private readonly poll = (): void => {
    if (this.stream === null || this.link === "live") return;
    this.turn("polling");
    if (document.visibilityState === "visible") this.tell(null);
    this.after(POLL, this.poll);
  };

  private after(milliseconds: number, act: () => void): void {
    this.timers = [...this.timers.slice(-20), setTimeout(act, milliseconds)];
  }

  private turn(link: Link): void {
    this.link = link;
    this.show(link);
  }
}

const LiveContext = createContext<{ live: Live; link: Link } | null>(null);

export function LiveProvider({
  client,
  children,
}: {
  client: CountersignClient;
  children: ReactNode;
}): ReactNode {
  const [link, show] = useState<Link>("connecting");
  const live = useMemo(() => new Live(client, show), [client]);
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  const value = useMemo(() => ({ live, link }), [live, link]);
  return <LiveContext value={value}>{children}</LiveContext>;
}

export function useLive(): { live: Live; link: Link } {
  const value = useContext(LiveContext);
  if (value === null) throw new Error("There is no LiveProvider.");
  return value;
}
