// The menu with the app's global shortcuts, next to the composer.
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { menuButton } from "../overlay/menu.js";

export class GlobalShortcuts {
  constructor(model) {
    this.model = model;
    this.element = h("span", {});
    this.drawn = null;
  }

  draw() {
    const shortcuts = (this.model.state?.bot.shortcuts ?? []).filter(
      ({ type }) => type === "global",
    );
    const signature = JSON.stringify(shortcuts);
    if (signature === this.drawn) return;
    this.drawn = signature;
    replaceChildren(this.element, shortcuts.length > 0 ? this.#menu(shortcuts) : null);
  }

  #menu(shortcuts) {
    const button = h(
      "button",
      {
        type: "button",
        class: "tool composer-tool",
        "aria-label": "Shortcuts",
        title: "Shortcuts",
      },
      icon("shortcuts", { size: 16 }),
    );
    const items = () =>
      shortcuts.map(({ name, callback_id }) => ({
        label: name,
        choose: () => void this.model.send("/page/shortcut", { callback_id }),
      }));
    return menuButton(button, items, { testid: "global-shortcuts" });
  }
}
