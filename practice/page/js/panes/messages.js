// A scrolling list of messages that stays at the end unless the reader has scrolled up.
import { append, h, reconcile, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { dayKey, dayLabel } from "../time.js";
import { continues, messageNode } from "./message.js";

const NEAR_END = 60; // pixels
const TOP_MARGIN = 8;
const BURST = 5; // seconds

function inOneBurst(one, other) {
  return (
    one.dataset.user === other.dataset.user &&
    Number(other.dataset.ts) - Number(one.dataset.ts) <= BURST
  );
}

export class MessageList {
  constructor(model, { label }) {
    this.model = model;
    this.content = h("div", { class: "messages-content" });
    this.extra = h("div", { class: "messages-extra" });
    this.scroller = h(
      "div",
      { class: "messages", tabindex: 0, role: "region", "aria-label": label },
      this.extra,
      this.content,
    );
    this.chip = h("button", {
      type: "button",
      class: "new-chip",
      hidden: true,
      data: { testid: "new-messages" },
      on: { click: () => this.toEnd() },
    });
    this.below = h(
      "button",
      {
        type: "button",
        class: "below",
        hidden: true,
        "aria-label": "Go to the end",
        title: "Go to the end",
        on: { click: () => this.#goToEnd() },
      },
      icon("down"),
    );
    this.element = h("div", { class: "messages-frame" }, this.scroller, this.below, this.chip);
    this.anchor = "newest"; // "newest", "end", or null if the reader has scrolled up
    this.setTop = null;
    this.missed = 0;
    this.key = null;
    this.scroller.addEventListener("scroll", () => this.#scrolled());
    const follow = new ResizeObserver(() => this.#keepPosition());
    follow.observe(this.content);
    follow.observe(this.scroller);
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    this.below.hidden = scrollHeight - clientHeight - scrollTop < NEAR_END;
    if (this.setTop !== null && Math.abs(scrollTop - this.setTop) < 2) return;
    this.setTop = null;
    this.anchor = scrollHeight - clientHeight - scrollTop < NEAR_END ? "end" : null;
    if (this.anchor === "end") this.#setMissed(0);
  }

  /** Scroll to the end, or to the start of a newest message that is taller than the pane. */
  #keepPosition() {
    if (this.anchor === null || this.scroller.clientHeight === 0) return;
    const { scrollHeight, clientHeight } = this.scroller;
    const end = scrollHeight - clientHeight;
    this.scroller.scrollTop =
      this.anchor === "newest" ? Math.min(end, this.#topOfNewest() ?? end) : end;
    this.setTop = this.scroller.scrollTop;
    this.below.hidden = end - this.setTop < NEAR_END;
  }

  /** Where the newest message begins. Messages sent right after a long one, such as its file, belong to it. */
  #topOfNewest() {
    const messages = [...this.content.querySelectorAll("article")];
    let newest = messages.at(-1);
    for (let at = messages.length - 2; at >= 0; at -= 1) {
      if (!inOneBurst(messages[at], messages[at + 1])) break;
      if (messages[at].offsetHeight > this.scroller.clientHeight / 2) newest = messages[at];
    }
    return newest ? newest.offsetTop - TOP_MARGIN : null;
  }

  #goToEnd() {
    this.anchor = "end";
    this.#setMissed(0);
    this.#keepPosition();
  }

  toEnd() {
    this.anchor = "newest";
    this.#setMissed(0);
    this.#keepPosition();
  }

  #setMissed(count) {
    this.missed = count;
    this.chip.hidden = count === 0;
    if (count > 0)
      replaceChildren(
        this.chip,
        count === 1 ? "1 new message" : `${count} new messages`,
        icon("down", { size: 16 }),
      );
  }

  /** A message arrived. One's own messages scroll the list to the end. */
  arrived({ own }) {
    if (own || this.anchor !== null) this.anchor = "newest";
    else this.#setMissed(this.missed + 1);
  }

  /** `place` as in messageNode; `above`: nodes over the first message; `rootTs`: the root of a thread. */
  draw({ key, messages, place, above = [], rootTs = null, newFrom = null }) {
    if (key !== this.key) {
      this.key = key;
      this.anchor = "newest";
      this.#setMissed(0);
      this.content.replaceChildren();
    }
    replaceChildren(this.extra);
    append(this.extra, above);
    reconcile(this.content, this.#items(messages, place, rootTs, newFrom));
    this.#keepPosition();
  }

  #items(messages, place, rootTs, newFrom) {
    const items = [];
    let before = null;
    for (const message of messages) {
      const divided = before === null || dayKey(before.ts) !== dayKey(message.ts);
      if (divided && rootTs === null)
        items.push(this.#divider(`day:${dayKey(message.ts)}`, dayLabel(message.ts), "day"));
      if (newFrom !== null && message.ts === newFrom)
        items.push(this.#divider("new", "New", "new"));
      const compact =
        !divided &&
        message.ts !== newFrom &&
        before?.ts !== rootTs &&
        continues(message, before, this.model.names);
      items.push(this.#item(message, { ...place, compact }));
      if (message.ts === rootTs) {
        const count = messages.filter((other) => other.ts !== rootTs && !other.ephemeral).length;
        if (count > 0)
          items.push(
            this.#divider(
              `replies:${count}`,
              count === 1 ? "1 reply" : `${count} replies`,
              "replies",
            ),
          );
      }
      before = message;
    }
    return items;
  }

  #divider(key, label, kind) {
    return {
      key,
      signature: label,
      make: () =>
        h(
          "div",
          { class: `divide divide-${kind}`, role: "separator", "aria-label": label },
          h("span", {}, label),
        ),
    };
  }

  #item(message, place) {
    const { ts, reply_count: replies } = message;
    const fresh = this.model.freshThreads.has(ts);
    const signature = JSON.stringify([message, place.compact, fresh, replies, this.model.me]);
    const make = () => h("div", {}, messageNode(message, this.model, place));
    return { key: `${message.ephemeral ? "e" : "m"}${ts}`, signature, make };
  }
}
