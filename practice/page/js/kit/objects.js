// Composition objects: text objects and images.
import { h } from "../dom.js";
import { withEmoji } from "../text/emoji.js";
import { safeUrl } from "../text/links.js";
import { mrkdwn } from "../text/mrkdwn.js";
import { decodeEntities } from "../text/tokens.js";

/** The text of a plain_text object. */
export function plainText(object) {
  if (!object) return "";
  if (typeof object === "string") return object;
  const text = object.text ?? "";
  return object.emoji === false ? text : withEmoji(text);
}

/** Nodes for a text object of either type. */
export function textNodes(object, names) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "", names);
  return plainText(object)
    .split("\n")
    .flatMap((line, index) => (index === 0 ? [line] : [h("br"), line]));
}

/** A text object as plain text, for menus and screen readers. */
export function spokenText(object) {
  return object?.type === "mrkdwn"
    ? decodeEntities(withEmoji(object.text ?? ""))
    : plainText(object);
}

/** An image from this server. Other images are linked by name and not fetched. */
export function picture(source, altText, className) {
  const url = new URL(source ?? "", location.href);
  if (url.origin === location.origin && source)
    return h("img", { class: className, src: url.href, alt: altText ?? "" });
  const label = h("span", { class: `${className} picture-elsewhere` }, "🖼 ", altText || "image");
  if (safeUrl(url.href) === null) return label;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}
