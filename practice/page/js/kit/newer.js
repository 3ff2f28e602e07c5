// Newer blocks: alerts, cards, containers, context actions and charts, in a plain form.
import { h } from "../dom.js";
import { richText } from "../text/richtext.js";
import { dataTable } from "../text/table.js";
import { elementNode } from "./elements.js";
import { picture, plainText, textNodes } from "./objects.js";

export function alertBlock(block, surface) {
  const classes = `k-alert k-alert-${block.level ?? "default"} prose`;
  return h("div", { class: classes, role: "alert" }, textNodes(block.text, surface.names));
}

export function cardBlock(block, surface) {
  const part = (name, object) =>
    object ? h("div", { class: `k-card-${name} prose` }, textNodes(object, surface.names)) : null;
  const image = block.hero_image ?? block.icon;
  const actions = (block.actions ?? []).map((element) => elementNode(element, block, surface));
  return h(
    "section",
    { class: "k-card" },
    image ? picture(image.image_url, image.alt_text, "k-card-image") : null,
    part("title", block.title),
    part("subtitle", block.subtitle),
    part("body", block.body),
    actions.length > 0 ? h("div", { class: "k-actions", role: "group" }, actions) : null,
  );
}

export function carouselBlock(block, surface) {
  const cards = (block.elements ?? []).map((card) => cardBlock(card, surface));
  return h("div", { class: "k-carousel", tabindex: 0, role: "region" }, cards);
}

/** `blockNodes` draws the blocks inside. */
export function containerBlock(block, surface, blockNodes) {
  const title = block.rich_text_title
    ? richText(block.rich_text_title, surface.names)
    : [plainText(block.title)];
  const subtitle = block.subtitle
    ? h("div", { class: "muted" }, textNodes(block.subtitle, surface.names))
    : null;
  const inside = h("div", { class: "blocks" }, blockNodes(block.child_blocks ?? [], surface));
  if (!block.is_collapsible)
    return h("section", { class: "k-container" }, h("strong", {}, title), subtitle, inside);
  return h(
    "details",
    { class: "k-container", open: !block.default_collapsed },
    h("summary", {}, title, subtitle),
    inside,
  );
}

export function contextActions(block, surface) {
  const button = (element, label, value) =>
    h(
      "button",
      {
        type: "button",
        class: "button button-small",
        on: { click: () => void surface.act(block, element, { value }) },
      },
      label,
    );
  const buttons = (block.elements ?? []).flatMap((element) =>
    element.type === "feedback_buttons"
      ? [element.positive_button, element.negative_button].map((side) =>
          button(element, plainText(side?.text), side?.value),
        )
      : [button(element, plainText(element.text), element.value)],
  );
  return h("div", { class: "k-actions", role: "group", "aria-label": "Actions" }, buttons);
}

/** A chart as a table: the same numbers, and readable by everyone. */
export function chartBlock(block) {
  const { chart = {} } = block;
  const cell = (value) => [String(value ?? "")];
  const rows =
    chart.type === "pie"
      ? (chart.segments ?? []).map(({ label, value }) => [cell(label), cell(value)])
      : (chart.series ?? []).flatMap(({ name, label, data }) =>
          (data ?? []).map((point) => [cell(name ?? label), cell(point?.label), cell(point?.value)]),
        );
  return h(
    "figure",
    { class: "k-data prose" },
    h("figcaption", {}, block.title ?? ""),
    dataTable(null, rows),
  );
}
