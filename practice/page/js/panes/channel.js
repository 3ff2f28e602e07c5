// The main pane: a channel, or the app with its Home and Messages tabs.
import { append, h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { mrkdwnInline } from "../text/mrkdwn.js";
import { Composer } from "./composer.js";
import { HomeTab } from "./home.js";
import { MessageList } from "./messages.js";

export class ChannelPane {
  /** `actions`: `{back(), openThread(ts), openTab(tab)}` */
  constructor(model, actions) {
    this.model = model;
    this.actions = actions;
    this.channelId = null;
    this.head = h("header", { class: "pane-head" });
    this.list = new MessageList(model, { label: "Messages" });
    this.home = new HomeTab(model);
    this.composer = new Composer(model, {
      testid: "composer",
      target: () => ({ channel: this.channelId, thread: null }),
    });
    this.join = h("div", { class: "join-bar" });
    this.element = h(
      "main",
      { class: "pane pane-channel", data: { testid: "channel" } },
      this.head,
      this.list.element,
      this.home.element,
      this.join,
      this.composer.form,
    );
    this.headSignature = null;
  }

  draw({ channelId, tab }) {
    const channel = this.model.channel(channelId);
    this.channelId = channelId;
    const showsHome = Boolean(channel?.is_im) && tab === "home";
    const isMember =
      Boolean(channel) && (channel.is_im || (channel.members?.includes(this.model.me) ?? true));
    this.#drawHead(channel, showsHome);
    this.home.element.hidden = !showsHome;
    this.list.element.hidden = showsHome;
    this.composer.form.hidden = showsHome || !isMember;
    this.join.hidden = showsHome || isMember || !channel;
    if (showsHome) {
      this.home.draw();
      return;
    }
    if (!channel) return;
    if (!isMember) this.#drawJoin(channel);
    this.composer.switchTo(
      `${this.model.me}:${channelId}`,
      channel.is_im ? `Message ${this.#title(channel)}` : `Message #${channel.name}`,
    );
    const messages = this.model.conversations.messages(channelId);
    this.list.draw({
      key: `${this.model.me}:${channelId}`,
      messages,
      place: { inThread: false, openThread: this.actions.openThread },
      above: this.model.conversations.hasHistory(channelId)
        ? [messages.length === 0 ? this.#welcome(channel) : this.#beginning(channel)]
        : [],
      newFrom: this.model.newFrom,
    });
  }

  #title(channel) {
    return channel.is_im
      ? this.model.names.author({ user: this.model.names.partner(channel) }).name
      : channel.name;
  }

  #drawHead(channel, showsHome) {
    const { bot } = this.model.state;
    const signature = JSON.stringify([channel, showsHome, bot, this.model.me]);
    if (signature === this.headSignature) return;
    this.headSignature = signature;
    const back = h(
      "button",
      {
        type: "button",
        class: "tool pane-back phone-only",
        "aria-label": "Back to channels",
        on: { click: () => this.actions.back() },
      },
      icon("back"),
    );
    if (!channel) {
      replaceChildren(this.head, back, h("h2", { class: "pane-title" }, "No channel"));
      return;
    }
    const mark = channel.is_im ? null : icon(channel.is_private ? "lock" : "hash", { size: 18 });
    const title = h(
      "h2",
      { class: "pane-title" },
      mark,
      this.#title(channel),
      channel.is_im ? h("span", { class: "badge" }, "APP") : null,
    );
    const topic = channel.topic
      ? h("p", { class: "pane-topic" }, mrkdwnInline(topicText(channel.topic), this.model.names))
      : null;
    replaceChildren(
      this.head,
      back,
      h("div", { class: "pane-words" }, title, topic),
      channel.is_im ? this.#tabs(showsHome) : this.#members(channel),
    );
  }

  #tabs(showsHome) {
    const tab = (label, name, selected) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          class: "tab",
          "aria-selected": String(selected),
          tabindex: selected ? 0 : -1,
          data: { testid: `${label.toLowerCase()}-tab` },
          on: { click: () => this.actions.openTab(name) },
        },
        label,
      );
    const switchTab = (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.actions.openTab(showsHome ? null : "home");
    };
    return h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "App", on: { keydown: switchTab } },
      tab("Home", "home", showsHome),
      tab("Messages", null, !showsHome),
    );
  }

  #members(channel) {
    const { bot } = this.model.state;
    const hasApp = channel.members?.includes(bot.user_id);
    const people = channel.members?.length ?? 0;
    const count = h(
      "span",
      { class: "member-count" },
      people === 1 ? "1 member" : `${people} members`,
    );
    const mayAdd = !hasApp && channel.members?.includes(this.model.me);
    if (!mayAdd) return h("div", { class: "pane-facts" }, count);
    const invite = () =>
      this.model.send("/page/invite", { channel: channel.id }, { channel: channel.id });
    return h(
      "div",
      { class: "pane-facts" },
      h(
        "button",
        { type: "button", class: "button button-small", on: { click: invite } },
        `Add ${bot.name}`,
      ),
      count,
    );
  }

  #drawJoin(channel) {
    const join = async () => {
      const answer = await this.model.send(
        "/page/join",
        { channel: channel.id },
        { channel: channel.id },
      );
      if (answer.ok) await this.model.show(channel.id, null);
    };
    replaceChildren(
      this.join,
      h("p", {}, `You are not in #${channel.name}.`),
      h(
        "button",
        { type: "button", class: "button button-primary", on: { click: join } },
        "Join channel",
      ),
    );
  }

  #beginning(channel) {
    return h(
      "div",
      { class: "beginning" },
      channel.is_im
        ? `Your conversation with ${this.#title(channel)} begins here.`
        : `#${channel.name} begins here.`,
    );
  }

  #welcome(channel) {
    const { bot } = this.model.state;
    const box = h("div", { class: "welcome", data: { testid: "welcome" } });
    if (channel.is_im) {
      return append(
        box,
        h("h3", {}, `This is your conversation with ${bot.name}`),
        h("p", {}, `Messages from ${bot.name} to you alone appear here.`),
      );
    }
    append(box, h("h3", {}, `Welcome to #${channel.name}`));
    const hasApp = channel.members?.includes(bot.user_id);
    const isMember = channel.members?.includes(this.model.me);
    if (bot.example === null || !isMember)
      return append(box, h("p", {}, "There are no messages here yet."));
    if (!hasApp) {
      return append(
        box,
        h(
          "p",
          {},
          `${bot.name} is not in this channel. Add it with the button above, or type /invite @${bot.name}.`,
        ),
      );
    }
    return append(
      box,
      h(
        "p",
        {},
        bot.description ? `${bot.name}: ${bot.description}` : `${bot.name} is in this channel.`,
      ),
      h(
        "p",
        { class: "welcome-try" },
        "Try: ",
        h(
          "button",
          {
            type: "button",
            class: "example",
            data: { testid: "example" },
            on: { click: () => this.composer.fill(bot.example) },
          },
          bot.example,
        ),
      ),
      h(
        "ol",
        { class: "welcome-steps" },
        [
          "Send the command. The app answers in the channel or in a thread.",
          "Use the buttons, menus and forms that it shows.",
          "Switch to another person in the sidebar to see what they may do.",
        ].map((step) => h("li", {}, step)),
      ),
    );
  }
}

function topicText(topic) {
  return typeof topic === "string" ? topic : (topic.value ?? "");
}
