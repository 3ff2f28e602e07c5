// rich_text blocks: sections, lists, quotes and preformatted text with styled leaves.
import { h } from "../dom.js";
import { formatSlackDate } from "../time.js";
import { emoji } from "./emoji.js";
import { link } from "./links.js";
import { broadcastMention, channelMention, groupMention, userMention } from "./tokens.js";

const STYLE_TAGS = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };

const MAX_INDENT = 8;

const bordered = (element) => (element.border ? " rt-border" : "");

/** Nodes for the elements of a rich_text block. */
export function richText(block, names) {
  return (block.elements ?? []).map((element) => richPart(element, names));
}

function richPart(element, names) {
  const leaves = () => (element.elements ?? []).map((leaf) => richLeaf(leaf, names));
  switch (element.type) {
    case "rich_text_section":
      return h("div", { class: "rt-section" }, leaves());
    case "rich_text_quote":
      return h("blockquote", { class: `rt-quote${bordered(element)}` }, leaves());
    case "rich_text_preformatted":
      return h("pre", { class: `pre${bordered(element)}`, tabindex: 0 }, leaves());
    case "rich_text_list": {
      const ordered = element.style === "ordered";
      const depth = Math.min(MAX_INDENT, element.indent ?? 0);
      const classes = `rt-list rt-indent-${depth} rt-mark-${depth % 3}${bordered(element)}`;
      const items = (element.elements ?? []).map((item) => h("li", {}, richPart(item, names)));
      const start = ordered && element.offset ? element.offset + 1 : null;
      return h(ordered ? "ol" : "ul", { class: classes, start }, items);
    }
    default:
      return h("span", { class: "unsupported-leaf" }, `[${element.type}]`);
  }
}

function richLeaf(leaf, names) {
  return styled(bareLeaf(leaf, names), leaf.style);
}

function styled(node, style) {
  return Object.entries(STYLE_TAGS).reduce(
    (inner, [name, tag]) => (style?.[name] ? h(tag, {}, inner) : inner),
    node,
  );
}

function lineBroken(text) {
  return text.split("\n").flatMap((line, index) => (index === 0 ? [line] : [h("br"), line]));
}

function bareLeaf(leaf, names) {
  switch (leaf.type) {
    case "text":
      return h("span", {}, lineBroken(leaf.text ?? ""));
    case "link":
      return link(leaf.url ?? "", leaf.text || leaf.url || "");
    case "emoji":
      return h(
        "span",
        { class: "emoji", role: "img", "aria-label": leaf.name },
        emoji(leaf.name) ?? `:${leaf.name}:`,
      );
    case "user":
      return userMention(leaf.user_id, names);
    case "channel":
      return channelMention(leaf.channel_id, names);
    case "usergroup":
      return groupMention(leaf.usergroup_id, names);
    case "broadcast":
      return broadcastMention(leaf.range);
    case "date":
      return h("time", {}, formatSlackDate(leaf.timestamp, leaf.format ?? leaf.fallback ?? ""));
    case "color":
      return h("code", {}, leaf.value ?? "");
    default:
      return h("span", { class: "unsupported-leaf" }, `[${leaf.type}]`);
  }
}
