// Avatars: coloured initials.
import { h } from "../dom.js";

const COLOURS = ["7a3e9d", "0b6e99", "a0522d", "2e7d4f", "b0305c", "4a5fc1", "8a6d00", "5d5470"];

function colourOf(author) {
  if (/^#?[0-9a-f]{6}$/i.test(author.color ?? "")) return author.color.replace("#", "");
  const sum = [...author.key].reduce((total, character) => total + character.codePointAt(0), 0);
  return COLOURS[sum % COLOURS.length];
}

function isLight(colour) {
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return (red * 299 + green * 587 + blue * 114) / 1000 > 140;
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  return (words.length > 1 ? [words[0], words.at(-1)] : words)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}

export function avatar(author, size = "") {
  const colour = colourOf(author);
  const node = h(
    "span",
    {
      class: `avatar ${size ? `avatar-${size}` : ""} ${author.isApp ? "avatar-app" : ""}`,
      "aria-hidden": "true",
    },
    initials(author.name),
  );
  node.style.backgroundColor = `#${colour}`;
  node.style.color = isLight(colour) ? "#1d1c1d" : "#ffffff";
  return node;
}
