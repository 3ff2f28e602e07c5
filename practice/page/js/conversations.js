// What was said: the timelines of channels and threads that have been read, and what the workspace itself
// told this person. It takes events in any order, also those that a later answer of the server holds already.
import { Timeline } from "./timeline.js";

const THREAD_FIGURES = ["reply_count", "latest_reply", "reply_users", "broadcast"];
const SAME_NOTICE = 3; // seconds

const threadKey = (channel, ts) => `${channel}:${ts}`;
const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

export class Conversations {
  constructor() {
    this.histories = new Map();
    this.threads = new Map();
    this.notices = [];
  }

  setHistory(channel, messages) {
    this.histories.set(channel, new Timeline(messages));
  }

  setThread(channel, ts, messages) {
    this.threads.set(threadKey(channel, ts), new Timeline(messages));
  }

  /** Forget everything but one channel and one thread of it. */
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

  /** What a channel shows, in order. */
  messages(channel) {
    return this.#shown(this.histories.get(channel), channel, null);
  }

  /** A thread with its root, in order. */
  thread(channel, ts) {
    return this.#shown(this.threads.get(threadKey(channel, ts)), channel, ts);
  }

  #shown(timeline, channel, ts) {
    const notices = this.notices.filter(
      (notice) => notice.channel === channel && (notice.thread_ts ?? null) === ts,
    );
    return [...(timeline?.sorted() ?? []), ...notices].sort(
      (one, other) => Number(one.ts) - Number(other.ts),
    );
  }

  /** True when the message was not known before. */
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
      // The root may have been counted by the server already.
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
      // A change of the text alone may come without the thread's figures: those we have stay.
      if (old) timeline.put({ ...pick(old, THREAD_FIGURES), ...message });
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

  /** Take in an event that came while a timeline was being read. */
  fold(event) {
    if (event.type === "message") this.arrive(event.message);
    else if (event.type === "ephemeral") this.arrive({ ...event.message, ephemeral: true });
    else if (event.type === "message_changed") this.change(event.message);
    else if (event.type === "message_deleted" || event.type === "ephemeral_deleted")
      this.remove(event);
  }

  /** The notice as a message, or null if it was told a moment ago: an answer and an event may both bring it. */
  addNotice({ text, channel, thread, now }) {
    const last = this.notices.at(-1);
    if (last && last.text === text && now - Number(last.ts) < SAME_NOTICE) return null;
    const facts = { username: "Slackbot", text, ephemeral: true, isNotice: true };
    const notice = { ts: now.toFixed(6), channel, thread_ts: thread ?? undefined, ...facts };
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
