// The thread pane: on the right, or over the whole screen on a phone.
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { Composer } from "./composer.js";
import { MessageList } from "./messages.js";

export class ThreadPane {
  /** `actions`: `{close()}` */
  constructor(model, actions) {
    this.model = model;
    this.actions = actions;
    this.channelId = null;
    this.ts = null;
    this.head = h("header", { class: "pane-head" });
    this.list = new MessageList(model, { label: "Thread" });
    this.status = h("div", {
      class: "thread-status",
      role: "status",
      hidden: true,
      data: { testid: "thread-status" },
    });
    this.composer = new Composer(model, {
      testid: "thread-composer",
      target: () => ({ channel: this.channelId, thread: this.ts }),
    });
    this.element = h(
      "aside",
      {
        class: "pane pane-thread",
        "aria-label": "Thread",
        hidden: true,
        data: { testid: "thread" },
      },
      this.head,
      this.list.element,
      this.status,
      this.composer.form,
    );
    this.headSignature = null;
  }

  draw({ channelId, thread }) {
    this.element.hidden = !thread;
    this.channelId = channelId;
    this.ts = thread;
    const channel = this.model.channel(channelId);
    if (!thread || !channel) return;
    this.#drawHead(channel);
    const key = `${this.model.me}:${channelId}:${thread}`;
    const isMember = channel.is_im || (channel.members?.includes(this.model.me) ?? true);
    this.composer.form.hidden = !isMember;
    this.composer.switchTo(key, "Reply…");
    this.#drawStatus(channelId, thread);
    const messages = this.model.conversations.thread(channelId, thread);
    const isGone =
      this.model.conversations.hasThread(channelId, thread) &&
      !messages.some((message) => message.ts === thread);
    this.list.draw({
      key,
      messages,
      above: isGone ? [h("div", { class: "beginning" }, "This thread no longer exists.")] : [],
      place: { inThread: true, openThread: () => undefined },
      rootTs: thread,
    });
  }

  #drawStatus(channelId, thread) {
    const status = this.model.conversations.status(channelId, thread);
    this.status.hidden = status === "";
    this.status.textContent = status === "" ? "" : `${this.model.state.bot.name} ${status}`;
  }

  #drawHead(channel) {
    const name = channel.is_im
      ? this.model.names.author({ user: this.model.names.partner(channel) }).name
      : `#${channel.name}`;
    if (name === this.headSignature) return;
    this.headSignature = name;
    const close = (className, label, drawing) =>
      h(
        "button",
        {
          type: "button",
          class: `tool ${className}`,
          "aria-label": label,
          on: { click: () => this.actions.close() },
        },
        icon(drawing),
      );
    replaceChildren(
      this.head,
      close("pane-back narrow-only", "Back to the channel", "back"),
      h(
        "div",
        { class: "pane-words" },
        h("h2", { class: "pane-title" }, "Thread"),
        h("p", { class: "pane-topic" }, name),
      ),
      close("wide-only", "Close thread", "close"),
    );
  }
}
