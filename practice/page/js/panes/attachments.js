// Files that the person attaches to their next message.
import { upload } from "../api.js";
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";

export class Attachments {
  constructor(model, onChange) {
    this.model = model;
    this.onChange = onChange;
    this.files = [];
    this.picker = h("input", {
      type: "file",
      multiple: true,
      hidden: true,
      data: { testid: "attach" },
      on: { change: () => void this.#add([...this.picker.files]) },
    });
    this.button = h(
      "span",
      {},
      this.picker,
      h(
        "button",
        {
          type: "button",
          class: "tool composer-tool",
          "aria-label": "Attach a file",
          title: "Attach a file",
          on: { click: () => this.picker.click() },
        },
        icon("attach", { size: 16 }),
      ),
    );
    this.element = h("div", { class: "composer-files", hidden: true });
  }

  /** The attached files, which then belong to the message that is being sent. */
  take() {
    const files = this.files;
    this.put([]);
    return files;
  }

  put(files) {
    this.files = files;
    this.#draw();
  }

  async #add(files) {
    for (const file of files) {
      const answer = await upload("/page/attach", { user: this.model.me, name: file.name }, file);
      if (answer.ok) this.files = [...this.files, answer.file];
      else this.model.notice(answer.notice);
    }
    this.picker.value = "";
    this.#draw();
  }

  #draw() {
    this.element.hidden = this.files.length === 0;
    const chip = (file) =>
      h(
        "span",
        { class: "composer-file", data: { testid: "attached" } },
        file.name,
        h(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": `Remove ${file.name}`,
            on: { click: () => this.put(this.files.filter((other) => other !== file)) },
          },
          icon("close", { size: 14 }),
        ),
      );
    replaceChildren(this.element, this.files.map(chip));
    this.onChange();
  }
}
