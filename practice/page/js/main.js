// Builds the page and keeps the address bar, the model and the panes in sync.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { Model } from "./model.js";
import { Modals } from "./overlay/modal.js";
import { TrafficDrawer } from "./overlay/traffic.js";
import { ChannelPane } from "./panes/channel.js";
import { Sidebar } from "./panes/sidebar.js";
import { ThreadPane } from "./panes/thread.js";
import { go, onRoute, readRoute } from "./route.js";
import { decodeEntities } from "./text/tokens.js";

const FIRST_CHANNEL = "campaigns";
const LAST_USER = "practice.user";
const ROOMY = "(min-width: 641px)";
const LOST_AFTER = 700; // milliseconds without a connection before the banner appears

class Page {
  constructor(root) {
    this.root = root;
    this.model = new Model();
    this.shown = { user: null, channel: null, thread: null, tab: null };
    this.traffic = new TrafficDrawer(this.model, {});
    this.modals = new Modals(this.model);
    this.sidebar = new Sidebar(this.model, {
      openChannel: (channel) => this.#openChannel(channel),
      actAs: (user) => this.#go({ user, list: false }),
      toggleTraffic: () => this.traffic.toggle(),
    });
    this.channel = new ChannelPane(this.model, {
      back: () => this.#go({ list: true, thread: null }),
      openThread: (thread) => this.#openThread(thread),
      openTab: (tab) => this.#go({ tab, thread: null }),
    });
    this.thread = new ThreadPane(this.model, { close: () => this.#closeThread() });
    this.banner = h(
      "div",
      { class: "banner", role: "status", hidden: true, data: { testid: "banner" } },
      icon("alert", { size: 16 }),
      "The connection to the practice server was lost. Reconnecting…",
    );
    this.lostTimer = null;
    this.settled = false;
    this.model.addEventListener("change", () => this.#draw());
    this.model.addEventListener("arrived", ({ detail }) => this.#arrived(detail));
    onRoute(() => void this.#follow());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && this.shown.thread)
        this.#closeThread();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.model.state) this.model.returned();
    });
  }

  async start() {
    await this.#follow();
    this.root.replaceChildren(
      this.banner,
      this.sidebar.element,
      this.channel.element,
      this.thread.element,
      this.traffic.element,
    );
    this.#draw();
    if (!this.shown.thread && matchMedia(ROOMY).matches) this.channel.composer.field.focus();
  }

  #go(change) {
    go({ ...readRoute(), user: this.model.me, ...change });
  }

  async #openChannel(channel) {
    this.#go({ channel, thread: null, tab: null, list: false });
    await this.following;
    this.#focus(this.channel);
  }

  async #openThread(thread) {
    this.#go({ thread, list: false });
    await this.following;
    this.#focus(this.thread);
  }

  /** Focus the composer, or the messages on a phone, where the keyboard would cover them. */
  #focus(pane) {
    if (matchMedia(ROOMY).matches) pane.composer.field.focus();
    else pane.list.scroller.focus({ preventScroll: true });
  }

  #closeThread() {
    const ts = this.shown.thread;
    this.#go({ thread: null });
    const back = this.channel.element.querySelector(
      `[data-focus-key="thread/${CSS.escape(ts ?? "")}"]`,
    );
    (back ?? this.channel.composer.field).focus({ preventScroll: true });
  }

  /** Show what the address bar says. Route changes are handled one after the other. */
  #follow() {
    const step = () => this.#followRoute(readRoute());
    this.following = (this.following ?? Promise.resolve()).then(step, step);
    return this.following;
  }

  async #followRoute(route) {
    this.settled = false;
    if (route.user !== this.shown.user || this.model.state === null) {
      this.modals.reset();
      await this.#become(route.user);
      this.shown = { user: this.model.me, channel: null, thread: null, tab: null };
    }
    const channel = this.model.channel(route.channel) ? route.channel : this.#firstChannel();
    const thread = channel === route.channel ? route.thread : null;
    const changed = channel !== this.shown.channel || thread !== this.shown.thread;
    const tab = this.model.channel(channel)?.is_im ? route.tab : null;
    const opensHome = tab === "home" && this.shown.tab !== "home";
    this.shown = { user: this.model.me, channel, thread, tab };
    go({ ...this.shown, list: route.list }, { replace: true });
    this.root.dataset.pane = route.list ? "list" : thread ? "thread" : "channel";
    if (changed) await this.model.show(channel, thread);
    if (opensHome) await this.model.readHome();
    this.settled = true;
    this.model.changed();
    if (route.message) setTimeout(() => this.#reveal(route.message));
  }

  /** Go to the message of a permalink, in the thread if it is shown there. */
  #reveal(ts) {
    const selector = `[data-ts="${CSS.escape(ts)}"]`;
    const pane = this.shown.thread ? this.thread : this.channel;
    const message = pane.element.querySelector(selector);
    if (message === null) return;
    message.scrollIntoView({ block: "center" });
    message.classList.add("message-revealed");
  }

  /** Act as the requested user, else the user of the last visit, else the first user. */
  async #become(requested) {
    const candidates = [requested, localStorage.getItem(LAST_USER), this.root.dataset.firstUser].filter(
      Boolean,
    );
    for (const [index, user] of candidates.entries()) {
      try {
        await this.model.become(user);
        localStorage.setItem(LAST_USER, user);
        return;
      } catch (problem) {
        if (index === candidates.length - 1) throw problem;
      }
    }
  }

  #firstChannel() {
    const rooms = this.model.state.channels.filter((channel) => !channel.is_im);
    return (
      (
        rooms.find((channel) => channel.name === FIRST_CHANNEL) ??
        rooms[0] ??
        this.model.state.channels[0]
      )?.id ?? null
    );
  }

  #draw() {
    if (this.model.state === null) return;
    const { channel, thread, tab } = this.shown;
    this.sidebar.draw({ channelId: channel });
    this.channel.draw({ channelId: channel, tab });
    this.thread.draw({ channelId: channel, thread });
    this.root.classList.toggle("with-thread", Boolean(thread));
    // Marks the page as ready: the panes match the address and the event feed is connected.
    const ready =
      this.model.live && this.settled && (!channel || this.model.conversations.hasHistory(channel));
    if (ready) this.root.dataset.ready = this.model.me;
    else delete this.root.dataset.ready;
    this.#drawBanner();
    const waiting = this.model.state.channels.reduce((sum, room) => sum + (room.unread ?? 0), 0);
    document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${this.model.state.team.name}`;
  }

  #drawBanner() {
    if (!this.model.lost) {
      clearTimeout(this.lostTimer);
      this.lostTimer = null;
      this.banner.hidden = true;
    } else {
      this.lostTimer ??= setTimeout(() => {
        this.banner.hidden = false;
      }, LOST_AFTER);
    }
  }

  #arrived(message) {
    const own = message.user === this.model.me;
    const { channel, thread } = this.shown;
    if (message.channel !== channel) return;
    const isReply = Boolean(message.thread_ts) && message.thread_ts !== message.ts;
    if (isReply && message.thread_ts === thread) this.thread.list.arrived({ own });
    if (!isReply || message.broadcast) this.channel.list.arrived({ own });
    if (!own) this.#announce(message);
  }

  /** Announce a new message in the open channel to screen readers. */
  #announce(message) {
    const { name } = this.model.names.author(message);
    document.getElementById("live").textContent =
      `${name}: ${decodeEntities(message.text ?? "").slice(0, 300)}`;
  }
}

const root = document.getElementById("app");
new Page(root).start().catch((problem) => {
  root.replaceChildren(
    h(
      "p",
      { class: "boot", role: "alert" },
      "The workspace could not be opened. Reload the page to try again.",
    ),
  );
  throw problem;
});
