// The composer for messages, commands and mentions.
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { escapeEntities } from "../text/tokens.js";
import { Attachments } from "./attachments.js";
import { GlobalShortcuts } from "./shortcuts.js";
import { Suggestions } from "./suggest.js";

const MAX_HEIGHT = 240; // pixels

export class Composer {
  /** `target()` returns `{channel, thread}`. */
  constructor(model, { testid, target }) {
    this.model = model;
    this.target = target;
    this.drafts = new Map();
    this.place = null;
    this.field = h("textarea", {
      class: "composer-field",
      rows: 1,
      data: { testid },
      autocomplete: "off",
      enterkeyhint: "send",
    });
    this.button = h(
      "button",
      { type: "submit", class: "composer-send", "aria-label": "Send", disabled: true },
      icon("send", { size: 18 }),
    );
    this.progress = h("div", { class: "composer-progress", role: "status", hidden: true });
    this.attached = new Attachments(model, () => this.changed());
    this.shortcuts = new GlobalShortcuts(model);
    this.suggestions = new Suggestions(this.field, model, () => this.changed());
    this.form = h(
      "form",
      { class: "composer" },
      this.suggestions.element,
      h("div", { class: "composer-box" }, this.field, this.button),
      this.attached.element,
      h(
        "div",
        { class: "composer-foot" },
        this.attached.button,
        this.shortcuts.element,
        this.progress,
        h("span", { class: "composer-hint" }, "Shift + Enter for a new line"),
      ),
    );
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  /** Switch to another channel or thread and keep the draft of this one. */
  switchTo(key, label) {
    this.shortcuts.draw();
    this.field.placeholder = label;
    this.field.setAttribute("aria-label", label);
    if (key === this.place) return;
    if (this.place !== null) this.drafts.set(this.place, this.field.value);
    this.place = key;
    this.fill(this.drafts.get(key) ?? "", { focus: false });
  }

  fill(text, { focus = true } = {}) {
    this.field.value = text;
    this.changed();
    if (focus) {
      this.field.focus();
      this.field.setSelectionRange(text.length, text.length);
    }
  }

  changed() {
    this.button.disabled = this.field.value.trim() === "" && this.attached.files.length === 0;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(MAX_HEIGHT, this.field.scrollHeight)}px`;
    this.suggestions.update();
  }

  #key(event) {
    if (event.isComposing || this.suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.send();
    }
  }

  async send() {
    const text = this.field.value.trim();
    if (text === "" && this.attached.files.length === 0) return;
    const { channel, thread } = this.target();
    const place = this.place;
    this.drafts.delete(place);
    this.fill("", { focus: true });
    const sent = text.startsWith("/")
      ? await this.#command(text, channel, thread)
      : await this.#message(text, channel, thread);
    // Restore text that could not be sent, unless the person has typed something else.
    if (sent) return;
    if (this.place === place && this.field.value === "") this.fill(text, { focus: false });
    else if (this.place !== place) this.drafts.set(place, text);
  }

  async #message(text, channel, thread) {
    const files = this.attached.take();
    const answer = await this.model.write({
      channel,
      thread,
      text: withMentions(text, this.model.names),
      files: files.length > 0 ? files.map(({ id }) => id) : undefined,
    });
    if (!answer.ok) this.attached.put(files);
    return answer.ok;
  }

  async #command(text, channel, thread) {
    const name = text.split(/\s/, 1)[0];
    if (thread) {
      this.model.notice(`\`${name}\` does not work in a thread. Please type it in the channel.`, {
        channel,
        thread,
      });
      return false;
    }
    if (!this.model.state.commands.some(({ command }) => command === name)) {
      this.model.notice(
        `There is no command \`${escapeEntities(name)}\` here. A message that begins with a slash is sent as a command.`,
        { channel },
      );
      return false;
    }
    this.#showProgress(`Sending ${name}…`);
    const answer = await this.model.send(
      "/page/command",
      { channel, text: withMentions(text, this.model.names) },
      { channel },
    );
    this.#showProgress(null);
    return answer.ok;
  }

  #showProgress(text) {
    this.progress.hidden = text === null;
    this.progress.textContent = text ?? "";
  }
}

/** Replace typed names with mention tokens. The server escapes the rest. */
function withMentions(text, names) {
  const mentions = mentionable(names);
  let out = "";
  let at = 0;
  while (at < text.length) {
    const mention = mentionAt(text, at, mentions);
    out += mention === null ? text[at] : mention.token;
    at += mention === null ? 1 : mention.typed.length;
  }
  return out;
}

function mentionAt(text, at, mentions) {
  if (text[at] !== "@" || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const rest = text.slice(at).toLowerCase();
  return (
    mentions.find(
      ({ typed }) => rest.startsWith(typed) && !/[\p{L}\p{N}_-]/u.test(rest[typed.length] ?? ""),
    ) ?? null
  );
}

function mentionable(names) {
  const { users, usergroups, bot } = names.state;
  const list = [
    ...users.flatMap((user) =>
      [user.real_name, user.name].map((name) => ({ typed: `@${name}`, token: `<@${user.id}>` })),
    ),
    { typed: `@${bot.name}`, token: `<@${bot.user_id}>` },
    ...usergroups.map((group) => ({ typed: `@${group.handle}`, token: `<!subteam^${group.id}>` })),
    ...["channel", "here", "everyone"].map((range) => ({
      typed: `@${range}`,
      token: `<!${range}>`,
    })),
  ].filter(({ typed }) => typed.length > 1 && !typed.endsWith("undefined"));
  return list
    .map((entry) => ({ ...entry, typed: entry.typed.toLowerCase() }))
    .sort((one, other) => other.typed.length - one.typed.length);
}
