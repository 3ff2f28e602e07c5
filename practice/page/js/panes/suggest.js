// The suggestions over the composer: commands after "/", people and groups after "@".
import { h, replaceChildren, uniqueId } from "../dom.js";
import { avatar } from "./avatar.js";

const MAX_SUGGESTIONS = 8;

export class Suggestions {
  constructor(field, model, onInsert) {
    this.field = field;
    this.model = model;
    this.onInsert = onInsert;
    this.entries = [];
    this.at = 0;
    this.closedFor = null;
    this.id = uniqueId("suggestions");
    this.list = h("div", {
      class: "suggest-list",
      role: "listbox",
      id: this.id,
      "aria-label": "Suggestions",
    });
    this.usage = h("div", { class: "suggest-usage", hidden: true });
    this.element = h(
      "div",
      { class: "suggest", hidden: true, data: { testid: "suggestions" } },
      this.list,
      this.usage,
    );
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.id);
    field.setAttribute("aria-expanded", "false");
    field.addEventListener("blur", () => this.#show([]));
  }

  update() {
    const text = this.field.value;
    if (document.activeElement !== this.field || !this.model.state) return this.#show([]);
    const word = this.#word();
    if (text !== this.closedFor) this.closedFor = null;
    const entries = this.closedFor === null && word !== null ? this.#matches(word) : [];
    this.at = 0;
    return this.#show(entries);
  }

  /** The word at the caret that triggers suggestions, or null. */
  #word() {
    const before = this.field.value.slice(0, this.field.selectionStart ?? 0);
    if (/^\/\S*$/.test(before)) return before;
    const match = /(?:^|[\s(])(@[^\s@]*)$/u.exec(before);
    return match ? match[1] : null;
  }

  #matches(word) {
    const query = word.slice(1).toLowerCase();
    if (word.startsWith("/")) {
      return this.model.state.commands
        .filter(({ command }) => command.slice(1).startsWith(query))
        .map((command) => ({ insert: command.command, node: () => commandRow(command) }));
    }
    return this.#people()
      .filter(({ search }) => search.some((name) => name.toLowerCase().startsWith(query)))
      .slice(0, MAX_SUGGESTIONS);
  }

  #people() {
    const { users, usergroups, bot } = this.model.state;
    const { names } = this.model;
    const seen = new Set();
    const person = (id) => {
      if (seen.has(id)) return [];
      seen.add(id);
      const author = names.author({ user: id });
      const user = names.person(id);
      const search = [author.name, user?.name ?? "", ...author.name.split(" ")];
      return [{ insert: `@${author.name}`, search, node: () => personRow(author) }];
    };
    return [
      ...person(bot.user_id),
      ...users.flatMap((user) => person(user.id)),
      ...usergroups.map((group) => ({
        insert: `@${group.handle}`,
        search: [group.handle, group.name ?? ""],
        node: () => row(`@${group.handle}`, group.name ?? "", ""),
      })),
      ...["channel", "here"].map((range) => ({
        insert: `@${range}`,
        search: [range],
        node: () => row(`@${range}`, "Notify everyone in this channel", ""),
      })),
    ];
  }

  #show(entries) {
    this.entries = entries;
    replaceChildren(
      this.list,
      entries.map((entry, index) => this.#option(entry, index)),
    );
    this.list.hidden = entries.length === 0;
    this.#mark();
    this.#showUsage();
    this.element.hidden = this.list.hidden && this.usage.hidden;
    this.field.setAttribute("aria-expanded", String(entries.length > 0));
  }

  /** Show the usage hint of a command while its arguments are typed. */
  #showUsage() {
    const name = /^(\/\S+)\s/.exec(this.field.value)?.[1];
    const command = this.model.state?.commands.find((known) => known.command === name);
    const shown = Boolean(command?.usage_hint) && document.activeElement === this.field;
    this.usage.hidden = !shown;
    replaceChildren(
      this.usage,
      shown ? [h("strong", {}, `${command.command} `), command.usage_hint] : null,
    );
  }

  #option(entry, index) {
    const choose = (event) => {
      event.preventDefault(); // the field keeps the focus
      this.#insert(entry);
    };
    return h(
      "div",
      {
        class: "suggest-row",
        role: "option",
        id: `${this.id}-${index}`,
        on: { pointerdown: choose },
      },
      entry.node(),
    );
  }

  #mark() {
    [...this.list.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.at));
      if (index === this.at) option.scrollIntoView({ block: "nearest" });
    });
    if (this.entries.length > 0)
      this.field.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  #insert(entry) {
    const caret = this.field.selectionStart;
    const word = this.#word() ?? "";
    const before = this.field.value.slice(0, caret - word.length) + `${entry.insert} `;
    this.field.value = before + this.field.value.slice(caret).replace(/^ /, "");
    this.field.setSelectionRange(before.length, before.length);
    this.onInsert();
  }

  /** Handle a key; returns true if it was for the list. */
  key(event) {
    if (this.entries.length === 0) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      this.at = (this.at + step + this.entries.length) % this.entries.length;
      this.#mark();
    } else if (event.key === "Escape") {
      this.closedFor = this.field.value;
      this.#show([]);
    } else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) {
      const entry = this.entries[this.at];
      const complete = this.#word()?.toLowerCase() === entry.insert.toLowerCase();
      if (event.key === "Enter" && complete) return false;
      this.#insert(entry);
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}

function row(name, description, hint) {
  return [
    h("span", { class: "suggest-name" }, name),
    h("span", { class: "suggest-hint" }, hint),
    h("span", { class: "suggest-description" }, description),
  ];
}

function commandRow({ command, description, usage_hint: hint }) {
  return row(command, description ?? "", hint ?? "");
}

function personRow(author) {
  const mark = author.isApp ? "app" : (author.membership ?? "");
  return [
    avatar(author, "small"),
    h("span", { class: "suggest-name" }, author.name),
    h("span", { class: "suggest-description" }, mark),
  ];
}
