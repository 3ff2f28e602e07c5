// What both text dialects share: a scanner over one run of text that collects nodes.
import { h } from "../dom.js";
import { emoji } from "./emoji.js";
import { bareUrlAt, link } from "./links.js";
import { decodeEntities, slackToken } from "./tokens.js";

// How far a closing mark is looked for: text of any length stays cheap to read.
export const REACH = 3000;

const WORD = /[\p{L}\p{N}]/u;
export const isWord = (character) => character !== undefined && WORD.test(character);
export const isSpace = (character) => character === undefined || /\s/.test(character);

/** Collects plain characters and nodes in order; plain runs become one text node each. */
export class Run {
  constructor() {
    this.nodes = [];
    this.plain = "";
    this.unclosed = new Map();
  }

  /** From where a closing `mark` has to be looked for: what was searched in vain is not searched again. */
  searchFrom(mark, start) {
    return Math.max(start, this.unclosed.get(mark) ?? 0);
  }

  /** There is no closing `mark` before `end`. */
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

/** Reads what both dialects know at `at`; returns the place after it, or `at` when nothing was there. */
export function readCommon(text, at, run, names) {
  const character = text[at];
  if (character === "\n") {
    run.node(h("br"));
    return at + 1;
  }
  if (character === "<") {
    const end = text.indexOf(">", at);
    const node =
      end > at + 1 && end - at < REACH ? slackToken(text.slice(at + 1, end), names) : null;
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
