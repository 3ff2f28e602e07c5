// The traffic drawer: every request and delivery between the workspace and the app.
import { get } from "../api.js";
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";

const MAX_ROWS = 500;

export class TrafficDrawer {
  constructor(model, { onClose }) {
    this.onClose = onClose;
    this.seen = new Set();
    this.list = h("ol", { class: "traffic-list" });
    this.filter = h("input", {
      class: "field",
      type: "search",
      placeholder: "Filter by name",
      "aria-label": "Filter by name",
    });
    this.filter.addEventListener("input", () => this.#applyFilter());
    this.element = h(
      "aside",
      { class: "traffic", "aria-label": "Traffic", hidden: true, data: { testid: "traffic" } },
      h(
        "header",
        { class: "pane-head" },
        h(
          "div",
          { class: "pane-words" },
          h("h2", { class: "pane-title" }, "Traffic"),
          h("p", { class: "pane-topic" }, "All requests and deliveries between the workspace and the app"),
        ),
        this.filter,
        h(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": "Close traffic",
            on: { click: () => this.toggle(false) },
          },
          icon("close"),
        ),
      ),
      this.list,
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.toggle(false);
    });
    model.addEventListener("traffic", ({ detail }) => {
      if (!this.element.hidden) this.#add(detail);
    });
  }

  toggle(open = this.element.hidden) {
    this.element.hidden = !open;
    if (open) void this.#read();
    else this.onClose?.();
  }

  async #read() {
    this.seen.clear();
    this.list.replaceChildren();
    const { entries } = await get("/page/traffic", { after: 0 });
    for (const entry of entries.slice(-MAX_ROWS)) this.#add(entry);
    this.filter.focus();
  }

  #add(entry) {
    if (this.seen.has(entry.seq)) return;
    this.seen.add(entry.seq);
    const stick = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    this.list.append(this.#row(entry));
    while (this.list.children.length > MAX_ROWS) this.list.firstElementChild.remove();
    this.#applyFilter(this.list.lastElementChild);
    if (stick) this.list.scrollTop = this.list.scrollHeight;
  }

  #applyFilter(only = null) {
    const query = this.filter.value.trim().toLowerCase();
    for (const row of only ? [only] : this.list.children)
      row.hidden = !row.dataset.name.includes(query);
  }

  #row(entry) {
    const toBot = entry.direction === "to_bot";
    const bad = entry.status >= 400 || entry.status === 0 || (!toBot && Boolean(entry.note));
    const body = h("pre", { class: "pre traffic-body" }, "Opening…");
    const details = h(
      "details",
      { class: "traffic-entry" },
      h(
        "summary",
        {},
        h(
          "span",
          { class: `traffic-way ${toBot ? "to-bot" : "from-bot"}` },
          toBot ? "to app" : "from app",
        ),
        h("span", { class: "traffic-name" }, entry.name ?? ""),
        h("span", { class: "traffic-kind" }, entry.kind ?? ""),
        entry.note ? h("span", { class: "traffic-note" }, entry.note) : null,
        h(
          "span",
          { class: bad ? "traffic-status traffic-bad" : "traffic-status" },
          entry.status === null || entry.status === undefined ? "" : String(entry.status),
        ),
        h(
          "span",
          { class: "traffic-ms" },
          entry.ms === null || entry.ms === undefined ? "" : `${Math.round(entry.ms)} ms`,
        ),
        h("span", { class: "traffic-at" }, clock(entry.at)),
      ),
      body,
    );
    details.addEventListener("toggle", async () => {
      if (!details.open) return;
      const whole = await get(`/page/traffic/${entry.seq}`).catch((problem) => ({
        problem: String(problem),
      }));
      replaceChildren(body, JSON.stringify(whole, null, 2));
    });
    return h(
      "li",
      { data: { name: `${entry.name ?? ""} ${entry.kind ?? ""}`.toLowerCase() } },
      details,
    );
  }
}

function clock(at) {
  const moment = typeof at === "number" ? new Date(at * 1000) : new Date(at);
  return Number.isNaN(moment.getTime())
    ? ""
    : moment.toLocaleTimeString(undefined, { hour12: false });
}
