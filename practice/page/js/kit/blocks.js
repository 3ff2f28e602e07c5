// One function per block type. Unknown types are shown as unsupported and never left out.
import { h } from "../dom.js";
import { markdown } from "../text/markdown.js";
import { richText } from "../text/richtext.js";
import { dataTable } from "../text/table.js";
import { elementNode } from "./elements.js";
import { inputBlock } from "./inputs.js";
import { picture, plainText, textNodes } from "./objects.js";
import {
  alertBlock,
  cardBlock,
  carouselBlock,
  chartBlock,
  containerBlock,
  contextActions,
} from "./newer.js";
import { planBlock, taskCard } from "./plan.js";

const BLOCKS = {
  header: (block) =>
    h("div", { class: "k-header", role: "heading", "aria-level": 3 }, plainText(block.text)),
  section: sectionBlock,
  context: contextBlock,
  actions: actionsBlock,
  divider: () => h("hr", { class: "k-divider" }),
  image: imageBlock,
  markdown: (block, surface) =>
    h("div", { class: "k-markdown prose" }, markdown(block.text ?? "", surface.names)),
  rich_text: (block, surface) =>
    h("div", { class: "k-rich prose" }, richText(block, surface.names)),
  plan: planBlock,
  task_card: taskCard,
  table: tableBlock,
  input: inputBlock,
  alert: alertBlock,
  card: cardBlock,
  carousel: carouselBlock,
  container: (block, surface) => containerBlock(block, surface, blockNodes),
  context_actions: contextActions,
  data_table: (block, surface) =>
    h("figure", { class: "k-data" }, tableBlock(block, surface), h("figcaption", {}, block.caption)),
  data_visualization: chartBlock,
};

/** A node for each block, with its type in `data-block`. */
export function blockNodes(blocks, surface) {
  return blocks.map((block) => {
    const make = Object.hasOwn(BLOCKS, block?.type) ? BLOCKS[block.type] : unsupported;
    const node = make(block, surface);
    node.dataset.block = String(block?.type);
    if (block?.block_id) node.dataset.blockId = block.block_id;
    return node;
  });
}

function unsupported(block) {
  return h(
    "details",
    { class: "k-unsupported" },
    h("summary", {}, `Unsupported block: ${block?.type ?? "without a type"}`),
    h("pre", { class: "pre" }, JSON.stringify(block, null, 2)),
  );
}

function sectionBlock(block, surface) {
  const body = h("div", { class: "k-section-body" });
  if (block.text)
    body.append(h("div", { class: "k-text prose" }, textNodes(block.text, surface.names)));
  if (block.fields) {
    const fields = block.fields.map((field) =>
      h("div", { class: "k-field prose" }, textNodes(field, surface.names)),
    );
    body.append(h("div", { class: "k-fields" }, fields));
  }
  const section = h("div", { class: "k-section" }, body);
  if (block.accessory)
    section.append(
      h("div", { class: "k-accessory" }, elementNode(block.accessory, block, surface)),
    );
  return section;
}

function contextBlock(block, surface) {
  const parts = (block.elements ?? []).map((element) =>
    element.type === "image"
      ? picture(element.image_url, element.alt_text, "k-context-image")
      : h("span", { class: "k-context-text prose" }, textNodes(element, surface.names)),
  );
  return h("div", { class: "k-context" }, parts);
}

function actionsBlock(block, surface) {
  const elements = (block.elements ?? []).map((element) => elementNode(element, block, surface));
  return h("div", { class: "k-actions", role: "group", "aria-label": "Actions" }, elements);
}

function imageBlock(block) {
  return h(
    "figure",
    { class: "k-image" },
    block.title ? h("figcaption", {}, plainText(block.title)) : null,
    picture(block.image_url ?? block.slack_file?.url, block.alt_text, "k-picture"),
  );
}

function tableBlock(block, surface) {
  const cell = (value) =>
    value?.type === "rich_text"
      ? richText(value, surface.names)
      : [String(value?.text ?? value?.value ?? "")];
  const [head, ...body] = (block.rows ?? []).map((row) => row.map(cell));
  const aligns = (block.column_settings ?? []).map((column) => column?.align ?? "left");
  return h("div", { class: "k-table prose" }, dataTable(head ?? [], body, aligns));
}
