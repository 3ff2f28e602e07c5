// The timelines of the channels and threads that have been read, and the notices for this person.
// Events may arrive in any order, including events that a later response already contains.
import { Timeline } from "./timeline.js";

const THREAD_COUNTS = ["reply_count", "latest_reply", "reply_users", "broadcast"];
const DUPLICATE_WITHIN = 3; // seconds

const threadKey = (channel, ts) => `${channel}:${ts}`;
const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

export class Conversations {
  constructor() {
    this.histories = new Map();
    this.threads = new Map();
    this.statuses = new Map();
    this.notices = [];
  }

  setHistory(channel, messages) {
    this.histories.set(channel, new Timeline(messages));
  }

  setThread(channel, ts, messages) {
    this.threads.set(threadKey(channel, ts), new Timeline(messages));
  }

  /** What the app says it is doing under a thread; an empty text for nothing. */
  setStatus(channel, ts, status) {
    this.statuses.set(threadKey(channel, ts), status);
  }

  status(channel, ts) {
    return this.statuses.get(threadKey(channel, ts)) ?? "";
  }

  /** Forget everything except one channel and one thread in it. */
  keepOnly(channel, ts) {
    for (const known of this.histories.keys()) if (known !== channel) this.histories.delete(known);
    for (const known of this.threads.keys())
      if (known !== threadKey(channel, ts)) this.threads.delete(known);
  }

  hasHistory(channel) {
    return this.histories.has(channel);
  }

  hasThread(channel, ts) {
    return this.threads.has(threadKey(channel, ts));
  }

  /** The messages and notices of a channel, in order. */
  messages(channel) {
    return this.#timeline(this.histories.get(channel), channel, null);
  }

  /** The messages and notices of a thread, root first, in order. */
  thread(channel, ts) {
    return this.#timeline(this.threads.get(threadKey(channel, ts)), channel, ts);
  }

  #timeline(timeline, channel, ts) {
    const notices = this.notices.filter(
      (notice) => notice.channel === channel && (notice.thread_ts ?? null) === ts,
    );
    return [...(timeline?.sorted() ?? []), ...notices].sort(
      (one, other) => Number(one.ts) - Number(other.ts),
    );
  }

  /** Returns true if the message is new. */
  arrive(message) {
    let isNew = false;
    if (isReply(message)) isNew = this.#arriveInThread(message);
    if (!isReply(message) || message.broadcast)
      isNew = (this.histories.get(message.channel)?.put(message) ?? true) || isNew;
    return isNew;
  }

  #arriveInThread(reply) {
    const { channel, thread_ts: rootTs } = reply;
    const thread = this.threads.get(threadKey(channel, rootTs));
    const isNew = thread?.put(reply) ?? true;
    if (reply.ephemeral) return isNew;
    for (const timeline of [this.histories.get(channel), thread]) {
      const root = timeline?.find(rootTs);
      // The server may have counted this reply already.
      if (!root || Number(root.latest_reply ?? 0) >= Number(reply.ts)) continue;
      const authors = new Set(root.reply_users ?? []).add(reply.user ?? reply.bot_id);
      timeline.put({
        ...root,
        reply_count: (root.reply_count ?? 0) + 1,
        latest_reply: reply.ts,
        reply_users: [...authors],
      });
    }
    return isNew;
  }

  change(message) {
    const thread = this.threads.get(threadKey(message.channel, message.thread_ts ?? message.ts));
    for (const timeline of [this.histories.get(message.channel), thread]) {
      const old = timeline?.find(message.ts);
      // A text edit may come without the thread counts: keep the ones we have.
      if (old) timeline.put({ ...pick(old, THREAD_COUNTS), ...message });
    }
  }

  remove({ channel, ts }) {
    const history = this.histories.get(channel);
    history?.remove(ts);
    for (const [key, thread] of this.threads) {
      if (!key.startsWith(`${channel}:`) || !thread.remove(ts)) continue;
      const root = history?.find(key.split(":")[1]);
      if (root && root.reply_count > 0) history.put({ ...root, reply_count: root.reply_count - 1 });
    }
  }

  /** Apply an event that arrived while a timeline was being read. */
  replay(event) {
    if (event.type === "message") this.arrive(event.message);
    else if (event.type === "ephemeral") this.arrive({ ...event.message, ephemeral: true });
    else if (event.type === "message_changed") this.change(event.message);
    else if (event.type === "thread_status")
      this.setStatus(event.channel, event.ts, event.status);
    else if (event.type === "message_deleted" || event.type === "ephemeral_deleted")
      this.remove(event);
  }

  /** The notice as a message, or null for a duplicate: a response and an event may both contain it. */
  addNotice({ text, channel, thread, now }) {
    const last = this.notices.at(-1);
    if (last && last.text === text && now - Number(last.ts) < DUPLICATE_WITHIN) return null;
    const fields = { username: "Slackbot", text, ephemeral: true, isNotice: true };
    const notice = { ts: now.toFixed(6), channel, thread_ts: thread ?? undefined, ...fields };
    this.notices.push(notice);
    return notice;
  }

  dropNotice(notice) {
    this.notices = this.notices.filter((other) => other !== notice);
  }
}

function pick(source, keys) {
  return Object.fromEntries(
    keys.filter((key) => source[key] !== undefined).map((key) => [key, source[key]]),
  );
}
