// Safe links: three schemes, no access to this window, and the real host beside a misleading label.
import { h } from "../dom.js";

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

export function safeUrl(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  return SCHEMES.has(url.protocol) ? url : null;
}

function hostIn(text) {
  const match = /^(?:https?:\/\/)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/:?#]|$)/i.exec(text.trim());
  return match ? match[1].toLowerCase().replace(/^www\./, "") : null;
}

/** A link around `label`, or only the label if the address is unsafe. */
export function link(address, label) {
  const url = safeUrl(address);
  if (url === null)
    return h("span", { class: "dead-link", title: "This address is not opened" }, label);
  const anchor = h(
    "a",
    { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href },
    label,
  );
  const claimed = hostIn(anchor.textContent);
  const actual = url.hostname.replace(/^www\./, "");
  if (claimed === null || claimed === actual || url.protocol === "mailto:") return anchor;
  return h("span", {}, anchor, h("span", { class: "real-host" }, ` (${actual})`));
}

const BARE = /^https?:\/\/[^\s<>"'`|]+/i;

/** The URL that starts at `at`, without trailing punctuation, or null. */
export function bareUrlAt(text, at) {
  const match = BARE.exec(text.slice(at, at + 2000));
  if (match === null) return null;
  let address = match[0].replace(/[.,;:!?*_~]+$/, "");
  while (address.endsWith(")") && address.split(")").length > address.split("(").length) {
    address = address.slice(0, -1);
  }
  return safeUrl(address) === null ? null : address;
}
