// The page's copy of the workspace. It follows the server's events and reloads after a reconnect.
// Panes listen for "change" and redraw.
import { get, post } from "./api.js";
import { Conversations } from "./conversations.js";
import { openEvents } from "./events.js";
import { Names } from "./names.js";

const OPENING = 2000; // milliseconds to wait for the first connection before the page appears without it

export class Model extends EventTarget {
  constructor() {
    super();
    this.state = null;
    this.names = null;
    this.lost = false;
    this.live = false;
    this.becoming = false;
    this.open = { channel: null, thread: null };
    this.endEvents = null;
    this.pending = false;
    this.#forget();
  }

  #forget() {
    this.conversations = new Conversations();
    this.home = undefined;
    this.mentions = new Map();
    this.freshThreads = new Set();
    this.newFrom = null;
    this.buffers = new Set();
    this.open = { channel: null, thread: null };
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

  // -- reading ------------------------------------------------------------------------------------

  /** Act as `user` from now on. The event feed opens before the state is read, so that nothing is missed. */
  async become(user) {
    this.endEvents?.();
    this.live = false;
    this.becoming = true;
    this.#forget();
    await new Promise((opened) => {
      setTimeout(opened, OPENING);
      this.endEvents = openEvents(user, {
        onEvent: (event) => this.apply(event),
        onOpen: ({ again }) => {
          opened();
          void this.#connected(again);
        },
        onLost: () => {
          this.lost = true;
          this.live = false;
          this.changed();
        },
      });
    });
    try {
      await this.#readState(user);
    } catch (problem) {
      this.endEvents();
      throw problem;
    } finally {
      this.becoming = false;
    }
    this.changed();
  }

  /** Pass the response to `put`, then replay the events that arrived in the meantime. */
  async #reading(fetching, put, replay) {
    const arrived = [];
    const { buffers } = this;
    buffers.add(arrived);
    try {
      put(await fetching);
    } finally {
      buffers.delete(arrived);
    }
    for (const event of arrived) replay(event);
  }

  #readState(user) {
    const put = (state) => {
      this.state = state;
      this.names = new Names(state);
    };
    return this.#reading(get("/page/state", { user }), put, (event) => {
      if (event.type === "bot" || event.type === "channel") HANDLERS[event.type].call(this, event);
    });
  }

  async #connected(again) {
    this.lost = false;
    this.live = true;
    if (again && !this.becoming) {
      await this.#readState(this.me);
      this.conversations.keepOnly(this.open.channel, this.open.thread);
      await this.show(this.open.channel, this.open.thread);
      if (this.home !== undefined) await this.readHome();
    }
    this.changed();
  }

  /** Read a channel and, if given, a thread in it. */
  async show(channelId, threadTs) {
    const moved = channelId !== this.open.channel;
    this.open = { channel: channelId, thread: threadTs };
    const channel = this.channel(channelId);
    if (channel === null) return;
    const unread = moved ? (channel.unread ?? 0) : 0;
    this.freshThreads.delete(threadTs);
    await Promise.all([
      this.#readHistory(channelId),
      threadTs ? this.#readThread(channelId, threadTs) : null,
    ]);
    if (moved) {
      const others = this.conversations
        .messages(channelId)
        .filter((message) => !message.ephemeral && message.user !== this.me);
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

  #readHistory(channelId) {
    const { conversations } = this;
    const response = get("/page/history", { user: this.me, channel: channelId });
    return this.#reading(
      response,
      ({ messages }) => conversations.setHistory(channelId, messages),
      (event) => conversations.replay(event),
    );
  }

  /** A thread that does not exist reads as an empty one. */
  #readThread(channelId, ts) {
    const { conversations } = this;
    const response = get("/page/thread", { user: this.me, channel: channelId, ts }).catch(() => ({
      messages: [],
    }));
    return this.#reading(
      response,
      ({ messages, status }) => {
        conversations.setThread(channelId, ts, messages);
        conversations.setStatus(channelId, ts, status ?? "");
      },
      (event) => conversations.replay(event),
    );
  }

  async readHome() {
    const before = this.home;
    const { view } = await get("/page/home", { user: this.me });
    // What the app published meanwhile is newer than the answer.
    if (this.home === before) this.home = view;
    this.changed();
  }

  // -- sending --------------------------------------------------------------------------------------

  /** Send to the server as the current user. An error notice appears at `place`, unless it is null. */
  async send(path, body, place = {}) {
    const answer = await post(path, { user: this.me, ...body });
    if (!answer.ok && answer.notice && place) this.notice(answer.notice, place);
    return answer;
  }

  async write({ channel, text, thread, files }) {
    const answer = await this.send(
      "/page/message",
      { channel, text, thread_ts: thread ?? undefined, files },
      { channel, thread },
    );
    if (answer.ok && answer.message) this.arrive(answer.message);
    return answer;
  }

  dismiss(message) {
    if (message.isNotice) this.conversations.dropNotice(message);
    else {
      this.conversations.remove(message);
      void this.send("/page/dismiss", { message_ts: message.ts }, null);
    }
    this.changed();
  }

  /** Show a notice from the workspace to this person only. */
  notice(text, { channel = this.open.channel, thread = null } = {}) {
    const notice = this.conversations.addNotice({ text, channel, thread, now: Date.now() / 1000 });
    if (notice !== null) this.announce("arrived", notice);
    this.changed();
  }

  // -- following ----------------------------------------------------------------------------------

  apply(event) {
    for (const buffer of this.buffers) buffer.push(event);
    if (this.becoming) return;
    HANDLERS[event.type]?.call(this, event);
    this.changed();
  }

  arrive(message) {
    const isNew = this.conversations.arrive(message);
    if (isNew && message.user !== this.me && !message.ephemeral) this.#countUnread(message);
    if (isNew) this.announce("arrived", message);
    this.changed();
  }

  #countUnread(message) {
    const inThread = Boolean(message.thread_ts) && message.thread_ts !== message.ts;
    const inChannel = !inThread || Boolean(message.broadcast);
    const isOpen = message.channel === this.open.channel && !document.hidden;
    if (inThread && !(isOpen && message.thread_ts === this.open.thread))
      this.freshThreads.add(message.thread_ts);
    const channel = this.channel(message.channel);
    if (channel === null || isOpen) return;
    if (inChannel) channel.unread = (channel.unread ?? 0) + 1;
    if (this.names.mentionsMe(message.text))
      this.mentions.set(channel.id, (this.mentions.get(channel.id) ?? 0) + 1);
  }

  /** The page became visible again. */
  returned() {
    this.#seen(this.open.channel);
    this.freshThreads.delete(this.open.thread);
    this.changed();
  }

  changeChannel(channel) {
    const at = this.state.channels.findIndex((known) => known.id === channel.id);
    if (at < 0) this.state.channels.push(channel);
    else
      this.state.channels[at] = {
        ...this.state.channels[at],
        ...channel,
        unread: this.state.channels[at].unread,
      };
  }
}

const HANDLERS = {
  message(event) {
    this.arrive(event.message);
  },
  ephemeral(event) {
    this.arrive({ ...event.message, ephemeral: true });
  },
  message_changed(event) {
    this.conversations.change(event.message);
  },
  message_deleted(event) {
    this.conversations.remove(event);
  },
  ephemeral_deleted(event) {
    this.conversations.remove(event);
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
  thread_status(event) {
    this.conversations.setStatus(event.channel, event.ts, event.status);
  },
  bot(event) {
    this.state.bot = { ...this.state.bot, ...event.bot };
  },
  channel(event) {
    this.changeChannel(event.channel);
  },
  notice(event) {
    this.notice(event.text, {
      channel: event.channel ?? this.open.channel,
      thread: event.thread_ts ?? null,
    });
  },
  traffic(event) {
    this.announce("traffic", event.entry);
  },
};
