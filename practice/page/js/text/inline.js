// The inline scanner that mrkdwn and Markdown share.
import { h } from "../dom.js";
import { emoji } from "./emoji.js";
import { bareUrlAt, link } from "./links.js";
import { decodeEntities, slackToken } from "./tokens.js";

// How far to look for a closing mark. It keeps the time to parse long texts linear.
export const MAX_SPAN = 3000;

const WORD = /[\p{L}\p{N}]/u;
export const isWord = (character) => character !== undefined && WORD.test(character);
export const isSpace = (character) => character === undefined || /\s/.test(character);

/** Collects plain characters and nodes in order. Adjacent characters become one text node. */
export class Run {
  constructor() {
    this.nodes = [];
    this.plain = "";
    this.unclosed = new Map();
  }

  /** Where to start looking for a closing `mark`, skipping what was searched without success. */
  searchFrom(mark, start) {
    return Math.max(start, this.unclosed.get(mark) ?? 0);
  }

  /** Record that there is no closing `mark` before `end`. */
  noneBefore(mark, end) {
    this.unclosed.set(mark, end);
  }

  text(characters) {
    this.plain += characters;
  }

  node(node) {
    this.flush();
    this.nodes.push(node);
  }

  flush() {
    if (this.plain !== "") this.nodes.push(decodeEntities(this.plain));
    this.plain = "";
  }

  end() {
    this.flush();
    return this.nodes;
  }
}

const SHORTCODE = /^:([a-z0-9_+-]+(?:::skin-tone-[2-6])?):/;

/** Read an element that both dialects share. Returns the index after it, or `at` if there is none. */
export function readCommon(text, at, run, names) {
  const character = text[at];
  if (character === "\n") {
    run.node(h("br"));
    return at + 1;
  }
  if (character === "<") {
    const end = text.indexOf(">", at);
    const node =
      end > at + 1 && end - at < MAX_SPAN ? slackToken(text.slice(at + 1, end), names) : null;
    if (node !== null) {
      run.node(node);
      return end + 1;
    }
  }
  if (character === ":") {
    const match = SHORTCODE.exec(text.slice(at, at + 80));
    const characters = match === null ? null : emoji(match[1]);
    if (characters !== null) {
      run.node(
        h(
          "span",
          { class: "emoji", role: "img", "aria-label": match[1].replaceAll("_", " ") },
          characters,
        ),
      );
      return at + match[0].length;
    }
  }
  if ((character === "h" || character === "H") && !isWord(text[at - 1])) {
    const address = bareUrlAt(text, at);
    if (address !== null) {
      run.node(link(decodeEntities(address), decodeEntities(address)));
      return at + address.length;
    }
  }
  return at;
}
