// The sidebar: channels, the app and the user switcher.
import { append, h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { menuButton } from "../overlay/menu.js";
import { avatar } from "./avatar.js";

export class Sidebar {
  /** `actions`: `{openChannel(id), actAs(userId), toggleTraffic()}` */
  constructor(model, actions) {
    this.model = model;
    this.actions = actions;
    this.body = h("div", { class: "side-body" });
    this.element = h("nav", { class: "sidebar", "aria-label": "Workspace" }, this.body);
    this.drawn = null;
  }

  draw({ channelId }) {
    const { state, mentions } = this.model;
    const signature = JSON.stringify([
      state.team,
      state.channels,
      state.bot,
      state.users,
      this.model.me,
      [...mentions],
      channelId,
    ]);
    if (signature === this.drawn) return;
    this.drawn = signature;
    const focused = document.activeElement?.dataset?.focusKey;
    const rooms = state.channels.filter((channel) => !channel.is_im);
    const direct = state.channels.filter((channel) => channel.is_im);
    replaceChildren(
      this.body,
      h(
        "div",
        { class: "side-team" },
        h("h1", { class: "side-title" }, state.team.name),
        h("p", { class: "side-note" }, "Practice workspace, on this machine only"),
      ),
      this.#switcher(),
      this.#section(
        "Channels",
        rooms.map((channel) => this.#roomLink(channel, channelId)),
      ),
      direct.length > 0
        ? this.#section(
            "Apps",
            direct.map((channel) => this.#appLink(channel, channelId)),
          )
        : null,
      this.#foot(),
    );
    if (focused) this.body.querySelector(`[data-focus-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #switcher() {
    const { names, state } = this.model;
    const me = names.author({ user: this.model.me });
    const button = h(
      "button",
      {
        type: "button",
        class: "switcher",
        data: { testid: "user-switcher", focusKey: "switcher" },
      },
      avatar(me, "small"),
      h(
        "span",
        { class: "switcher-text" },
        h("span", { class: "switcher-note" }, "You are acting as"),
        h("span", { class: "switcher-name" }, me.name, membershipBadge(me)),
      ),
      icon("down", { size: 16 }),
    );
    const choices = () =>
      state.users
        .filter((user) => !user.is_bot)
        .map((user) => {
          const author = names.author({ user: user.id });
          return {
            node: h(
              "span",
              { class: "person", data: { user: user.id } },
              avatar(author, "small"),
              h("span", {}, author.name),
              membershipBadge(author),
            ),
            checked: user.id === this.model.me,
            choose: () => this.actions.actAs(user.id),
          };
        });
    return menuButton(button, choices, { className: "switcher-wrap", testid: "user-menu" });
  }

  #section(title, links) {
    return h(
      "section",
      { class: "side-section", "aria-label": title },
      h("h2", { class: "side-heading" }, title),
      h(
        "ul",
        { class: "side-list" },
        links.map((link) => h("li", {}, link)),
      ),
    );
  }

  #link(channel, current, children) {
    const mentions = this.model.mentions.get(channel.id) ?? 0;
    const unread = channel.unread ?? 0;
    const isCurrent = channel.id === current;
    const link = h(
      "button",
      {
        type: "button",
        class: `side-link ${unread > 0 ? "side-unread" : ""}`,
        "aria-current": isCurrent ? "page" : null,
        data: {
          testid: "channel-link",
          channel: channel.id,
          name: channel.name ?? "",
          focusKey: `channel/${channel.id}`,
        },
        on: { click: () => this.actions.openChannel(channel.id) },
      },
      children,
    );
    const count = mentions || unread;
    if (count > 0) {
      const label = mentions > 0 ? `${mentions} for you` : `${unread} unread`;
      append(
        link,
        h(
          "span",
          { class: mentions > 0 ? "count count-me" : "count", "aria-label": label, role: "img" },
          String(count),
        ),
      );
    }
    return link;
  }

  #roomLink(channel, current) {
    const isMember = channel.members?.includes(this.model.me) ?? true;
    return this.#link(channel, current, [
      icon(channel.is_private ? "lock" : "hash", { size: 16 }),
      h("span", { class: isMember ? "side-name" : "side-name side-outside" }, channel.name),
    ]);
  }

  #appLink(channel, current) {
    const { names, state } = this.model;
    const partner = names.partner(channel);
    const author = names.author({ user: partner });
    const isBot = partner === state.bot.user_id;
    return this.#link(channel, current, [
      avatar(author, "tiny"),
      h("span", { class: "side-name" }, author.name),
      isBot
        ? h("span", {
            class: `dot ${state.bot.connected ? "dot-on" : ""}`,
            title: state.bot.connected ? "connected" : "not connected",
          })
        : null,
    ]);
  }

  #foot() {
    const { bot } = this.model.state;
    const transport = { socket: "Socket Mode", http: "HTTP" }[bot.mode];
    const status = bot.connected
      ? `${bot.name} is connected${transport ? ` over ${transport}` : ""}`
      : `${bot.name} is not connected`;
    return h(
      "div",
      { class: "side-foot" },
      h(
        "p",
        {
          class: "bot-state",
          role: "status",
          data: { testid: "bot-state", connected: String(Boolean(bot.connected)) },
        },
        h("span", { class: `dot ${bot.connected ? "dot-on" : ""}` }),
        status,
      ),
      h(
        "button",
        {
          type: "button",
          class: "side-tool",
          data: { testid: "traffic-toggle", focusKey: "traffic" },
          on: { click: () => this.actions.toggleTraffic() },
        },
        icon("traffic", { size: 16 }),
        "Traffic",
      ),
    );
  }
}

function membershipBadge(author) {
  return author.membership ? h("span", { class: "badge badge-guest" }, author.membership) : null;
}
