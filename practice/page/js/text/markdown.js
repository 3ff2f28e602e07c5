// CommonMark as in the markdown block. HTML stays text.
import { h } from "../dom.js";
import { markdownInline } from "./markdown_inline.js";
import { dataTable } from "./table.js";

const MAX_DEPTH = 8; // deeper nesting is shown flat

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+-]*)/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/; // an escaped `>` is none
const ITEM = /^( *)([-*+•]|\d{1,9}[.)])(?:[ \t]+(.*)|$)/;
const DELIMITER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const TASK = /^\[([ xX])\][ \t]+/;

export function markdown(text, names) {
  return blocks(text.replaceAll("\t", "    ").split(/\r?\n/), names, 0);
}

function blocks(rows, names, depth) {
  const nodes = [];
  let at = 0;
  while (at < rows.length) {
    if (rows[at].trim() === "") {
      at += 1;
      continue;
    }
    const [node, next] = readBlock(rows, at, names, depth);
    nodes.push(node);
    at = next;
  }
  return nodes;
}

function readBlock(rows, at, names, depth) {
  const row = rows[at];
  const fence = FENCE.exec(row);
  if (fence !== null) return readFence(rows, at, fence[1]);
  const heading = HEADING.exec(row);
  if (heading !== null) {
    const level = heading[1].length;
    // Headings in messages rank below the page's own headings.
    const made = h("div", {
      class: `md-h md-h${level}`,
      role: "heading",
      "aria-level": Math.min(6, level + 2),
    });
    made.append(...h("span", {}, markdownInline(heading[2], names)).childNodes);
    return [made, at + 1];
  }
  if (RULE.test(row)) return [h("hr"), at + 1];
  if (isTable(rows, at)) return readTable(rows, at, names);
  if (depth < MAX_DEPTH && QUOTE.test(row)) return readQuote(rows, at, names, depth);
  if (depth < MAX_DEPTH && ITEM.test(row)) return readList(rows, at, names, depth);
  return readParagraph(rows, at, names, depth);
}

function readFence(rows, at, mark) {
  const code = [];
  let next = at + 1;
  const closing = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}[ \\t]*$`);
  while (next < rows.length && !closing.test(rows[next])) {
    code.push(rows[next]);
    next += 1;
  }
  return [h("pre", { class: "pre", tabindex: 0 }, code.join("\n")), next + 1];
}

function readQuote(rows, at, names, depth) {
  const inner = [];
  let next = at;
  while (next < rows.length && QUOTE.test(rows[next])) {
    inner.push(rows[next].replace(QUOTE, ""));
    next += 1;
  }
  return [h("blockquote", {}, blocks(inner, names, depth + 1)), next];
}

function readList(rows, at, names, depth) {
  const [, indent, mark] = ITEM.exec(rows[at]);
  const ordered = /\d/.test(mark);
  const items = [];
  let next = at;
  while (next < rows.length) {
    const item = ITEM.exec(rows[next]);
    if (item === null || item[1].length > indent.length + 1 || RULE.test(rows[next])) break;
    if (item[1].length < indent.length || /\d/.test(item[2]) !== ordered) break;
    const content = [item[3] ?? ""];
    const inset = item[1].length + item[2].length + 1;
    next += 1;
    next = readItemRest(rows, next, inset, item[1].length, content);
    items.push(listItem(content, names, depth));
  }
  const start = ordered ? parseInt(mark, 10) : null;
  return [h(ordered ? "ol" : "ul", { start: start === 1 ? null : start }, items), next];
}

/** Add the rows that belong to an item: indented rows and wrapped rows of its paragraph. */
function readItemRest(rows, at, inset, outer, content) {
  let next = at;
  while (next < rows.length) {
    const row = rows[next];
    if (row.trim() === "") {
      const after = rows[next + 1] ?? "";
      if (after.trim() === "" || indentOf(after) <= outer + 1) break;
      content.push("");
    } else if (indentOf(row) > outer + 1) {
      content.push(row.slice(Math.min(inset, indentOf(row))));
    } else if (ITEM.test(row) || startsBlock(rows, next)) break;
    else content.push(row.trimStart());
    next += 1;
  }
  while (next < rows.length && rows[next].trim() === "" && ITEM.test(rows[next + 1] ?? ""))
    next += 1;
  return next;
}

function listItem(content, names, depth) {
  const task = TASK.exec(content[0]);
  if (task !== null) {
    const done = task[1] !== " ";
    const box = h(
      "span",
      { class: "md-task", role: "img", "aria-label": done ? "done" : "not done" },
      done ? "☑" : "☐",
    );
    const inner = blocks([content[0].replace(TASK, ""), ...content.slice(1)], names, depth + 1);
    return h("li", { class: "md-task-item" }, box, inner);
  }
  return h("li", {}, blocks(content, names, depth + 1));
}

const indentOf = (row) => row.length - row.trimStart().length;

function startsBlock(rows, at) {
  const row = rows[at];
  return (
    FENCE.test(row) || HEADING.test(row) || RULE.test(row) || QUOTE.test(row) || isTable(rows, at)
  );
}

function readParagraph(rows, at, names, depth) {
  const flow = [rows[at].trim()];
  let next = at + 1;
  while (next < rows.length && rows[next].trim() !== "") {
    if (depth < MAX_DEPTH && (startsBlock(rows, next) || ITEM.test(rows[next]))) break;
    flow.push(rows[next].trim().replace(/\\$/, ""));
    next += 1;
  }
  return [h("p", {}, markdownInline(flow.join("\n"), names)), next];
}

function isTable(rows, at) {
  const next = rows[at + 1];
  return (
    next !== undefined &&
    rows[at].includes("|") &&
    next.includes("-") &&
    DELIMITER.test(next) &&
    cells(rows[at]).length === cells(next).length
  );
}

function readTable(rows, at, names) {
  const head = cells(rows[at]);
  const aligns = cells(rows[at + 1]).map((cell) => {
    if (/^:-+:$/.test(cell)) return "center";
    return /-:$/.test(cell) ? "right" : "left";
  });
  const body = [];
  let next = at + 2;
  while (next < rows.length && rows[next].trim() !== "" && rows[next].includes("|")) {
    const row = cells(rows[next]).slice(0, head.length);
    while (row.length < head.length) row.push("");
    body.push(row);
    next += 1;
  }
  const inline = (row) =>
    row.map((cell) => markdownInline(cell.replace(/<br\s*\/?>/gi, "\n"), names));
  return [dataTable(inline(head), body.map(inline), aligns), next];
}

function cells(row) {
  const inner = row
    .trim()
    .replace(/^\|/, "")
    .replace(/(^|[^\\])\|$/, "$1");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
