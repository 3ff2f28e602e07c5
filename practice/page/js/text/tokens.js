// Slack's <…> tokens: people, channels, groups, dates and links.
import { h } from "../dom.js";
import { formatSlackDate } from "../time.js";
import { link } from "./links.js";

export function decodeEntities(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

export function escapeEntities(text) {
  return text.replace(
    /[&<>]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character],
  );
}

function mention(kind, id, label, isMe) {
  const classes = isMe ? "mention mention-me" : "mention";
  return h("span", { class: classes, data: { [kind]: id } }, label);
}

export function userMention(id, names) {
  return mention("user", id, `@${names.user(id)}`, id === names.me);
}

export function channelMention(id, names) {
  return mention("channel", id, `#${names.channel(id)}`, false);
}

export function groupMention(id, names) {
  return mention("usergroup", id, `@${names.usergroup(id)}`, names.isInGroup(id));
}

export function broadcastMention(range) {
  return mention("broadcast", range, `@${range}`, true);
}

/** The node for the text between < and >, or null if it is not a token. */
export function slackToken(inside, names) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : decodeEntities(inside.slice(bar + 1));
  if (/^@[UWB][A-Z0-9]+$/.test(target)) return userMention(target.slice(1), names);
  if (/^#[CGD][A-Z0-9]+$/.test(target)) return channelMention(target.slice(1), names);
  if (/^!(channel|here|everyone)$/.test(target)) return broadcastMention(target.slice(1));
  if (target.startsWith("!subteam^")) return groupMention(target.slice("!subteam^".length), names);
  if (target.startsWith("!date^")) return dateToken(target, label);
  if (target.startsWith("!")) return h("span", { class: "mention" }, label ?? target.slice(1));
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
    const address = decodeEntities(target);
    return link(address, label ?? address.replace(/^mailto:/, ""));
  }
  return null;
}

function dateToken(target, fallback) {
  const [, seconds, format, address] = target.split("^");
  const when = Number(seconds);
  if (!Number.isFinite(when) || !format) return document.createTextNode(fallback ?? "");
  const shown = h(
    "time",
    { datetime: new Date(when * 1000).toISOString() },
    formatSlackDate(when, format),
  );
  shown.title = new Date(when * 1000).toLocaleString();
  return address ? link(address, shown) : shown;
}
