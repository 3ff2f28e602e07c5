// Slack's mrkdwn: *bold* _italic_ ~strike~ `code` ```pre``` > quote, tokens and emoji.
import { h } from "../dom.js";
import { isSpace, isWord, MAX_SPAN, readCommon, Run } from "./inline.js";
import { decodeEntities } from "./tokens.js";

const STYLES = { "*": "strong", _: "em", "~": "s" };
const QUOTE = /^(?:&gt;|>)(?!&gt;&gt;|>>) ?/;
const QUOTE_REST = /^(?:&gt;&gt;&gt;|>>>) ?/;
const LISTED = /^(\s*)([•◦▪‣-]|\d{1,3}[.)]) +(.*)$/u;

/** Nodes for a mrkdwn text: block structure first, then each line. */
export function mrkdwn(text, names) {
  const nodes = [];
  text.split("```").forEach((part, index, parts) => {
    const closed = index < parts.length - 1;
    if (index % 2 === 0) nodes.push(...lines(part, names));
    else if (closed)
      nodes.push(
        h("pre", { class: "pre", tabindex: 0 }, decodeEntities(part.replace(/^\n|\n$/g, ""))),
      );
    else nodes.push(...lines("```" + part, names));
  });
  return nodes;
}

function lines(text, names) {
  const rows = text.replace(/^\n|\n$/g, "").split("\n");
  if (rows.length === 1 && rows[0] === "") return [];
  const nodes = [];
  let flow = [];
  const flush = () => {
    if (flow.length > 0)
      nodes.push(h("span", { class: "flow" }, mrkdwnInline(flow.join("\n"), names)));
    flow = [];
  };
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    if (QUOTE_REST.test(row)) {
      flush();
      const rest = [row.replace(QUOTE_REST, ""), ...rows.slice(index + 1)].join("\n");
      nodes.push(h("blockquote", {}, mrkdwnInline(rest, names)));
      return nodes;
    }
    if (QUOTE.test(row)) {
      flush();
      const quoted = [];
      while (index < rows.length && QUOTE.test(rows[index])) {
        quoted.push(rows[index].replace(QUOTE, ""));
        index += 1;
      }
      index -= 1;
      nodes.push(h("blockquote", {}, mrkdwnInline(quoted.join("\n"), names)));
      continue;
    }
    const listed = LISTED.exec(row);
    if (listed === null) {
      flow.push(row);
      continue;
    }
    flush();
    const [, indent, mark, rest] = listed;
    const depth = Math.min(4, Math.floor(indent.length / 2));
    nodes.push(
      h(
        "span",
        { class: `listed listed-${depth}` },
        h("span", { class: "listed-mark" }, mark, " "),
        h("span", {}, mrkdwnInline(rest, names)),
      ),
    );
  }
  flush();
  return nodes;
}

/** Nodes for text without block structure. */
export function mrkdwnInline(text, names) {
  const run = new Run();
  let at = 0;
  while (at < text.length) {
    const next =
      readCode(text, at, run) ||
      readStyle(text, at, run, names) ||
      readCommon(text, at, run, names);
    if (next > at) at = next;
    else {
      run.text(text[at]);
      at += 1;
    }
  }
  return run.end();
}

function readCode(text, at, run) {
  if (text[at] !== "`") return 0;
  const end = text.indexOf("`", at + 1);
  if (end < 0 || end === at + 1 || end - at > MAX_SPAN || text.slice(at, end).includes("\n")) return 0;
  run.node(h("code", {}, decodeEntities(text.slice(at + 1, end))));
  return end + 1;
}

function readStyle(text, at, run, names) {
  const mark = text[at];
  const tag = STYLES[mark];
  if (tag === undefined || isWord(text[at - 1]) || isSpace(text[at + 1]) || text[at + 1] === mark)
    return 0;
  const limit = Math.min(text.length, at + MAX_SPAN);
  let end = run.searchFrom(mark, at + 2);
  for (; end < limit && text[end] !== "\n"; end += 1) {
    if (text[end] !== mark || isSpace(text[end - 1]) || isWord(text[end + 1])) continue;
    run.node(h(tag, {}, mrkdwnInline(text.slice(at + 1, end), names)));
    return end + 1;
  }
  run.noneBefore(mark, end);
  return 0;
}
