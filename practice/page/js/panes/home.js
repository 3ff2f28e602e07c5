// The app's Home tab.
import { h, replaceChildren } from "../dom.js";
import { blockNodes } from "../kit/blocks.js";
import { Surface } from "../kit/surface.js";

export class HomeTab {
  constructor(model) {
    this.model = model;
    this.content = h("div", { class: "home-content" });
    this.element = h(
      "div",
      { class: "home", hidden: true, data: { testid: "home" } },
      this.content,
    );
    this.surface = new Surface({ names: model.names, send: () => Promise.resolve({ ok: false }) });
    this.drawn = undefined;
  }

  draw() {
    const { home: view, names, state } = this.model;
    const signature = JSON.stringify([view ?? null, view === undefined, this.model.me]);
    if (signature === this.drawn) return;
    this.drawn = signature;
    if (!view) {
      const text =
        view === undefined ? "Opening…" : `${state.bot.name} has not published a Home tab for you.`;
      replaceChildren(this.content, h("p", { class: "muted" }, text));
      return;
    }
    this.surface.names = names;
    this.surface.send = (interaction) =>
      this.model.send("/page/interact", { container: "home", view_id: view.id, ...interaction });
    replaceChildren(
      this.content,
      h("div", { class: "blocks" }, blockNodes(view.blocks ?? [], this.surface)),
    );
  }
}
