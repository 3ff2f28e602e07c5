// What the page knows of the workspace. The server is the truth: this follows its events and asks again
// when the connection comes back. Panes listen for "change" and draw what they show.
import { get, post } from "./api.js";
import { openEvents } from "./events.js";
import { Names } from "./names.js";
import { Timeline } from "./timeline.js";

export class Model extends EventTarget {
  constructor() {
    super();
    this.state = null;
    this.names = null;
    this.lost = false;
    this.live = false;
    this.open = { channel: null, thread: null };
    this.endEvents = null;
    this.pending = false;
    this.#forget();
  }

  #forget() {
    this.histories = new Map();
    this.threads = new Map();
    this.notices = [];
    this.home = undefined;
    this.mentions = new Map();
    this.freshThreads = new Set();
    this.newFrom = null;
  }

  get me() {
    return this.names?.me ?? null;
  }

  channel(id) {
    return this.state?.channels.find((channel) => channel.id === id) ?? null;
  }

  changed() {
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  announce(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Act as `user` (or whom the server suggests) from now on. */
  async become(user) {
    this.endEvents?.();
    this.live = false;
    this.#forget();
    await this.#readState(user);
    this.endEvents = openEvents(this.me, {
      onEvent: (event) => this.apply(event),
      onOpen: ({ again }) => this.#connected(again),
      onLost: () => {
        this.lost = true;
        this.live = false;
        this.changed();
      },
    });
    this.changed();
  }

  async #readState(user) {
    this.state = await get("/page/state", user ? { user } : {});
    this.names = new Names(this.state);
  }

  async #connected(again) {
    this.lost = false;
    this.live = true;
    if (again) {
      await this.#readState(this.me);
      this.histories.clear();
      this.threads.clear();
      await this.show(this.open.channel, this.open.thread);
      if (this.home !== undefined) await this.readHome();
    }
    this.changed();
  }

  /** Read what is to be seen: a channel and, if given, a thread in it. */
  async show(channelId, threadTs) {
    const moved = channelId !== this.open.channel;
    this.open = { channel: channelId, thread: threadTs };
    const channel = this.channel(channelId);
    if (channel === null) return;
    const unread = moved ? (channel.unread ?? 0) : 0;
    const asked = [this.#readHistory(channelId)];
    if (threadTs) {
      this.freshThreads.delete(threadTs);
      asked.push(this.#readThread(channelId, threadTs));
    }
    await Promise.all(asked);
    if (moved) {
      const others = this.messages(channelId).filter((message) => !message.ephemeral && message.user !== this.me);
      this.newFrom = unread > 0 ? (others.at(-unread)?.ts ?? null) : null;
    }
    this.#seen(channelId);
    this.changed();
  }

  #seen(channelId) {
    const channel = this.channel(channelId);
    if (channel) channel.unread = 0;
    this.mentions.delete(channelId);
  }

  async #readHistory(channelId) {
    const { messages } = await get("/page/history", { user: this.me, channel: channelId });
    this.histories.set(channelId, new Timeline(messages));
  }

  async #readThread(channelId, ts) {
    const { messages } = await get("/page/thread", { user: this.me, channel: channelId, ts });
    this.threads.set(`${channelId}:${ts}`, new Timeline(messages));
  }

  async readHome() {
    this.home = (await get("/page/home", { user: this.me })).view;
    this.changed();
  }

  isRead(channelId) {
    return this.histories.has(channelId);
  }

  messages(channelId) {
    return this.#visible(this.histories.get(channelId), channelId, null);
  }

  thread(channelId, ts) {
    return this.#visible(this.threads.get(`${channelId}:${ts}`), channelId, ts);
  }

  #visible(timeline, channelId, threadTs) {
    const notices = this.notices.filter((notice) => notice.channel === channelId && (notice.thread_ts ?? null) === threadTs);
    const messages = [...(timeline?.sorted() ?? []), ...notices];
    return messages.sort((one, other) => Number(one.ts) - Number(other.ts));
  }

  dismiss(message) {
    if (message.isNotice) this.notices = this.notices.filter((notice) => notice !== message);
    else {
      this.removeMessage(message);
      void this.send("/page/dismiss", { message_ts: message.ts }, null);
    }
    this.changed();
  }

  /** Something only this person is told, by the workspace itself. */
  notice(text, { channel = this.open.channel, thread = null } = {}) {
    const now = Date.now() / 1000;
    const same = this.notices.at(-1);
    if (same && same.text === text && now - Number(same.ts) < 3) return;
    const message = { ts: now.toFixed(6), channel, thread_ts: thread ?? undefined, username: "Slackbot", text, ephemeral: true, isNotice: true };
    this.notices.push(message);
    this.announce("arrived", message);
    this.changed();
  }

  /** Send to the server as the acting user. What it says against it is shown at `place`, if there is one. */
  async send(path, body, place = {}) {
    const answer = await post(path, { user: this.me, ...body });
    if (!answer.ok && answer.notice && place) this.notice(answer.notice, place);
    return answer;
  }

  async write({ channel, text, thread }) {
    const answer = await this.send("/page/message", { channel, text, thread_ts: thread ?? undefined }, { channel, thread });
    if (answer.ok && answer.message) this.#arrive(answer.message);
    return answer;
  }

  apply(event) {
    const act = HANDLERS[event.type];
    if (act) act.call(this, event);
    this.changed();
  }

  arrive(message) {
    this.#arrive(message);
  }

  #arrive(message) {
    const isReply = Boolean(message.thread_ts) && message.thread_ts !== message.ts;
    let isNew = false;
    if (isReply) isNew = this.#arriveInThread(message) || isNew;
    if (!isReply || message.broadcast) isNew = (this.histories.get(message.channel)?.put(message) ?? true) || isNew;
    if (isNew && message.user !== this.me && !message.ephemeral) this.#countUnread(message, isReply);
    if (isNew) this.announce("arrived", message);
    this.changed();
  }

  #arriveInThread(reply) {
    const { channel, thread_ts: rootTs } = reply;
    const isNew = this.threads.get(`${channel}:${rootTs}`)?.put(reply) ?? true;
    if (reply.ephemeral) return isNew;
    for (const timeline of [this.histories.get(channel), this.threads.get(`${channel}:${rootTs}`)]) {
      const root = timeline?.find(rootTs);
      if (!root || Number(root.latest_reply ?? 0) >= Number(reply.ts)) continue;
      const author = reply.user ?? reply.bot_id;
      const authors = new Set(root.reply_users ?? []).add(author);
      timeline.put({ ...root, reply_count: (root.reply_count ?? 0) + 1, latest_reply: reply.ts, reply_users: [...authors] });
    }
    return isNew;
  }

  #countUnread(message, isReply) {
    const isOpen = message.channel === this.open.channel && !document.hidden;
    const threadOpen = isOpen && message.thread_ts === this.open.thread;
    if (isReply && !threadOpen) this.freshThreads.add(message.thread_ts);
    const channel = this.channel(message.channel);
    if (!channel || (isOpen && (!isReply || message.broadcast))) return;
    if (!isReply || message.broadcast) channel.unread = (channel.unread ?? 0) + 1;
    if (!isOpen && this.names.mentionsMe(message.text)) {
      this.mentions.set(message.channel, (this.mentions.get(message.channel) ?? 0) + 1);
    }
  }

  changeMessage(message) {
    const rootTs = message.thread_ts ?? message.ts;
    const history = this.histories.get(message.channel);
    const thread = this.threads.get(`${message.channel}:${rootTs}`);
    for (const timeline of [history, thread]) {
      const old = timeline?.find(message.ts);
      // A change of the text alone may come without the thread's figures: keep those we have.
      if (old) timeline.put({ ...pick(old, ["reply_count", "latest_reply", "reply_users", "broadcast"]), ...message });
    }
  }

  removeMessage({ channel, ts }) {
    const history = this.histories.get(channel);
    history?.remove(ts);
    for (const [key, thread] of this.threads) {
      if (!key.startsWith(`${channel}:`) || !thread.remove(ts)) continue;
      const root = history?.find(key.split(":")[1]);
      if (root && root.reply_count > 0) history.put({ ...root, reply_count: root.reply_count - 1 });
    }
  }

  changeChannel(channel) {
    const at = this.state.channels.findIndex((known) => known.id === channel.id);
    if (at < 0) this.state.channels.push(channel);
    else this.state.channels[at] = { ...this.state.channels[at], ...channel, unread: this.state.channels[at].unread };
  }
}

function pick(source, keys) {
  return Object.fromEntries(keys.filter((key) => source[key] !== undefined).map((key) => [key, source[key]]));
}

const HANDLERS = {
  message(event) {
    this.arrive(event.message);
  },
  ephemeral(event) {
    this.arrive({ ...event.message, ephemeral: true });
  },
  message_changed(event) {
    this.changeMessage(event.message);
  },
  message_deleted(event) {
    this.removeMessage(event);
  },
  ephemeral_deleted(event) {
    this.removeMessage(event);
  },
  view_opened(event) {
    this.announce("view", { kind: "opened", view: event.view });
  },
  view_updated(event) {
    this.announce("view", { kind: "updated", view: event.view });
  },
  view_closed(event) {
    this.announce("view", { kind: "closed", view: { id: event.view_id } });
  },
  home(event) {
    this.home = event.view;
  },
  bot(event) {
    this.state.bot = { ...this.state.bot, ...event.bot };
  },
  channel(event) {
    this.changeChannel(event.channel);
  },
  notice(event) {
    this.notice(event.text, { channel: event.channel ?? this.open.channel, thread: event.thread_ts ?? null });
  },
  traffic(event) {
    this.announce("traffic", event.entry);
  },
};
