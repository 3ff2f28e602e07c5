// The stack of open modals.
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { blockNodes } from "../kit/blocks.js";
import { inputErrors, showFieldError } from "../kit/inputs.js";
import { plainText } from "../kit/objects.js";
import { Surface } from "../kit/surface.js";
import { openDialog } from "./dialog.js";

export class Modals {
  constructor(model) {
    this.model = model;
    this.stack = [];
    model.addEventListener("view", ({ detail }) => this.#onView(detail));
  }

  #onView({ kind, view }) {
    if (view.type && view.type !== "modal") return;
    const open = this.stack.find((modal) => modal.view.id === view.id);
    if (kind === "closed") this.#remove(open);
    else if (open) open.update(view);
    else if (kind === "opened") this.#push(view);
  }

  #push(view) {
    const modal = new Modal(view, this.model, {
      onClose: (cleared) => this.#close(modal, cleared),
      onDone: (action) => this.#done(modal, action),
      depth: this.stack.length,
    });
    this.stack.at(-1)?.cover(true);
    this.stack.push(modal);
  }

  #remove(modal) {
    if (!modal || !this.stack.includes(modal)) return;
    this.stack.splice(this.stack.indexOf(modal), 1);
    modal.dialog.finish();
    this.stack.at(-1)?.cover(false);
  }

  #close(modal, cleared) {
    const ids = cleared ? this.stack.map((open) => open.view.id) : [modal.view.id];
    for (const open of cleared ? [...this.stack].reverse() : [modal]) this.#remove(open);
    void this.model.send(
      "/page/view/close",
      { view_id: ids.at(-1), is_cleared: Boolean(cleared) },
      null,
    );
  }

  /** After a submission: `update` and `push` have their own events; a plain success closes the view. */
  #done(modal, action) {
    if (action === "clear") for (const open of [...this.stack].reverse()) this.#remove(open);
    else if (action !== "update" && action !== "push") this.#remove(modal);
  }

  /** Close all modals when the page switches to another user. */
  reset() {
    for (const open of [...this.stack].reverse()) this.#remove(open);
  }
}

class Modal {
  constructor(view, model, { onClose, onDone, depth }) {
    this.model = model;
    this.view = view;
    this.onClose = onClose;
    this.onDone = onDone;
    this.surface = new Surface({
      names: model.names,
      send: (interaction) =>
        this.#send("/page/interact", { container: "view", view_id: this.view.id, ...interaction }),
    });
    this.dialog = openDialog({
      title: "",
      className: "modal",
      testid: "modal",
      onCancel: () => onClose(false),
    });
    this.problem = h("p", { class: "dialog-problem", role: "alert", hidden: true });
    this.blocks = h("div", { class: "blocks" });
    this.submit = h("button", { type: "submit", class: "button button-primary" });
    this.cancel = h("button", {
      type: "button",
      class: "button",
      on: { click: () => onClose(false) },
    });
    const label = depth > 0 ? "Back" : "Close";
    const leave = h(
      "button",
      { type: "button", class: "tool", "aria-label": label, on: { click: () => onClose(false) } },
      icon(depth > 0 ? "back" : "close"),
    );
    this.form = h(
      "form",
      { class: "modal-form", novalidate: true },
      h(
        "header",
        { class: "dialog-head" },
        depth > 0 ? leave : null,
        this.dialog.heading,
        depth > 0 ? null : leave,
      ),
      h("div", { class: "dialog-body" }, this.problem, this.blocks),
      h("footer", { class: "dialog-foot" }, this.cancel, this.submit),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void this.#submit();
    });
    this.dialog.append(this.form);
    this.#draw();
    this.#focusFirst();
  }

  update(view) {
    this.view = { ...this.view, ...view };
    this.#draw();
  }

  cover(covered) {
    this.dialog.classList.toggle("dialog-covered", covered);
  }

  #draw() {
    const { view } = this;
    const focusKey = this.dialog.contains(document.activeElement)
      ? document.activeElement.dataset.focusKey
      : null;
    this.surface.keepOnly(new Set(view.blocks.map((block) => block.block_id)));
    replaceChildren(this.dialog.heading, plainText(view.title));
    replaceChildren(this.blocks, blockNodes(view.blocks, this.surface));
    this.submit.hidden = !view.submit && !view.blocks.some((block) => block.type === "input");
    replaceChildren(this.submit, plainText(view.submit) || "Submit");
    replaceChildren(this.cancel, plainText(view.close) || "Cancel");
    this.#showProblem(null);
    if (focusKey) this.dialog.querySelector(`[data-focus-key="${CSS.escape(focusKey)}"]`)?.focus();
  }

  #focusFirst() {
    const fields = [...this.blocks.querySelectorAll(".field, .choices input")];
    const target = fields.find((field) => field.hasAttribute("autofocus")) ?? fields[0];
    (target ?? (this.submit.hidden ? this.cancel : this.submit)).focus();
  }

  #showProblem(words) {
    this.problem.hidden = words === null;
    this.problem.textContent = words ?? "";
    if (words !== null) this.problem.scrollIntoView({ block: "nearest" });
  }

  async #send(path, body) {
    const answer = await this.model.send(path, body, null);
    if (!answer.ok && answer.notice) this.#showProblem(answer.notice);
    return answer;
  }

  async #submit() {
    if (this.submit.disabled) return;
    this.#showProblem(null);
    if (this.#showErrors(inputErrors(this.view.blocks, this.surface))) return;
    this.submit.disabled = true;
    this.submit.classList.add("button-waiting");
    const answer = await this.#send("/page/view/submit", {
      view_id: this.view.id,
      values: this.surface.stateValues(),
    });
    this.submit.disabled = false;
    this.submit.classList.remove("button-waiting");
    if (answer.ok) this.onDone(answer.response_action);
    else if (!this.#showErrors(answer.errors ?? {}) && !answer.notice)
      this.#showProblem("The form could not be sent. Please try again.");
  }

  /** Show field errors and focus the first one. Returns true if there were any. */
  #showErrors(errors) {
    let first = null;
    for (const node of this.blocks.querySelectorAll(".k-input")) {
      const words = errors[node.dataset.blockId] ?? null;
      showFieldError(node, words);
      if (words !== null) first ??= node;
    }
    first?.querySelector(".field, .choices input")?.focus();
    const elsewhere = Object.entries(errors).filter(
      ([blockId]) => !this.blocks.querySelector(`[data-block-id="${CSS.escape(blockId)}"]`),
    );
    if (elsewhere.length > 0) this.#showProblem(elsewhere.map(([, words]) => words).join(" "));
    return Object.keys(errors).length > 0;
  }
}
