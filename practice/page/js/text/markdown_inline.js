// Inline Markdown: emphasis, code and links. Code and addresses are shown to the letter.
import { h } from "../dom.js";
import { isSpace, isWord, MAX_SPAN, readCommon, Run } from "./inline.js";
import { bareUrlAt, link } from "./links.js";

const ESCAPABLE = /[\\`*_{}[\]()#+\-.!|>~<&:"'$%,/;=?@^]/;
const READERS = [readEscape, readCode, readLink, readStyle, readAddress];
const MARKS = [
  ["***", ["strong", "em"]],
  ["___", ["strong", "em"]],
  ["**", ["strong"]],
  ["__", ["strong"]],
  ["~~", ["s"]],
  ["*", ["em"]],
  ["_", ["em"]],
];

export function markdownInline(text, names) {
  const run = new Run();
  let at = 0;
  while (at < text.length) {
    let next = at;
    for (const read of READERS) {
      next = read(text, at, run, names);
      if (next > at) break;
    }
    if (next <= at) next = readCommon(text, at, run, names);
    if (next <= at) {
      run.text(text[at]);
      next = at + 1;
    }
    at = next;
  }
  return run.end();
}

function readEscape(text, at, run) {
  if (text[at] !== "\\" || !ESCAPABLE.test(text[at + 1] ?? "")) return at;
  run.text(text[at + 1] === "&" ? "&amp;" : text[at + 1]);
  return at + 2;
}

function readCode(text, at, run) {
  if (text[at] !== "`") return at;
  const fence = /^`+/.exec(text.slice(at, at + 20))[0];
  const end = text.indexOf(fence, at + fence.length);
  if (end < 0 || end - at > MAX_SPAN) return at;
  const inner = text.slice(at + fence.length, end).replace(/\n/g, " ");
  run.node(h("code", {}, /^ .*\S.* $/.test(inner) ? inner.slice(1, -1) : inner));
  return end + fence.length;
}

// [label](address "title"). Images are linked by name and not loaded.
function readLink(text, at, run, names) {
  const isImage = text[at] === "!" && text[at + 1] === "[";
  if (text[at] !== "[" && !isImage) return at;
  const open = isImage ? at + 1 : at;
  const middle = text.indexOf("](", run.searchFrom("](", open));
  run.noneBefore("](", middle < 0 ? text.length : middle);
  if (middle < 0 || middle - open > MAX_SPAN) return at;
  const close = matching(text, open, "[", "]");
  if (close < 0 || text[close + 1] !== "(") return at;
  const end = matching(text, close + 1, "(", ")");
  if (end < 0) return at;
  const target = /^\s*<?([^\s<>]*)>?(?:\s+["'(].*)?\s*$/s.exec(text.slice(close + 2, end));
  if (target === null) return at;
  const label = text.slice(open + 1, close);
  const [, address] = target;
  if (isImage) run.node(link(address, `🖼 ${label || "image"}`));
  else run.node(link(address, markdownInline(label, names)));
  return end + 1;
}

/** An address in the text. Unlike prose, addresses keep their entities, as in Slack. */
function readAddress(text, at, run) {
  if (!/h/i.test(text[at]) || isWord(text[at - 1])) return at;
  const address = bareUrlAt(text, at);
  if (address === null) return at;
  run.node(link(address, address));
  return at + address.length;
}

function matching(text, at, opening, closing) {
  let depth = 0;
  const limit = Math.min(text.length, at + MAX_SPAN);
  for (let index = at; index < limit; index += 1) {
    if (text[index] === "\\") index += 1;
    else if (text[index] === opening) depth += 1;
    else if (text[index] === closing) {
      depth -= 1;
      if (depth === 0) return index;
    }
  }
  return -1;
}

function readStyle(text, at, run, names) {
  const style = MARKS.find(([mark]) => text.startsWith(mark, at));
  if (style === undefined) return at;
  const [mark, tags] = style;
  const inner = at + mark.length;
  if (isSpace(text[inner]) || (mark[0] === "_" && isWord(text[at - 1]))) return at;
  const end = closing(text, run.searchFrom(mark, inner + 1), mark, inner + MAX_SPAN);
  if (end < 0) {
    run.noneBefore(mark, Math.min(text.length, inner + MAX_SPAN));
    return at;
  }
  const content = markdownInline(text.slice(inner, end), names);
  run.node(tags.reduceRight((children, tag) => [h(tag, {}, children)], content)[0]);
  return end + mark.length;
}

function closing(text, from, mark, limit) {
  for (
    let end = text.indexOf(mark, from);
    end > 0 && end < limit;
    end = text.indexOf(mark, end + 1)
  ) {
    if (isSpace(text[end - 1]) || text[end - 1] === "\\") continue;
    if (mark[0] === "_" && isWord(text[end + mark.length])) continue;
    if (mark.length === 1 && text[end + 1] === mark) {
      end += 1; // a double mark inside is bold and belongs to the inner text
      continue;
    }
    if (mark.length === 2 && text[end + 2] === mark[0] && text[end + 3] !== mark[0]) return end + 1;
    return end;
  }
  return -1;
}
