// Builds DOM nodes without markup. Every string becomes a text node, so text never becomes an element.

const SVG = "http://www.w3.org/2000/svg";

// Bidirectional embeddings and overrides can make a sentence read differently. They are shown as a
// visible mark and not applied. Isolates are harmless inside their own block.
const DIRECTION_OVERRIDE = /([\u202a-\u202e])/;

function textNodes(text) {
  if (!DIRECTION_OVERRIDE.test(text)) return [document.createTextNode(text)];
  return text
    .split(DIRECTION_OVERRIDE)
    .filter((part) => part !== "")
    .map((part) =>
      DIRECTION_OVERRIDE.test(part) ? directionMark(part) : document.createTextNode(part),
    );
}

function directionMark(character) {
  const code = `U+${character.codePointAt(0).toString(16).toUpperCase()}`;
  const mark = document.createElement("span");
  mark.className = "direction-mark";
  mark.title = "A hidden character that would change the reading direction";
  mark.textContent = code;
  return mark;
}

export function append(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (child instanceof Node) parent.append(child);
    else parent.append(...textNodes(String(child)));
  }
  return parent;
}

/**
 * Create an element. `props`: `class`, `on` (listeners by event name), `data` (dataset), `value`, and
 * attributes by name. Null, undefined and false omit an attribute; true sets it to an empty string.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value))
        element.addEventListener(event, listener);
    } else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  return append(element, ...children);
}

export function svg(paths, { size = 20, label = null } = {}) {
  const element = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 24 24",
    width: size,
    height: size,
    fill: "none",
    stroke: "currentColor",
  };
  Object.assign(attributes, {
    "stroke-width": 2,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (label === null) element.setAttribute("aria-hidden", "true");
  else {
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
  }
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    element.append(path);
  }
  return element;
}

export function replaceChildren(parent, ...children) {
  parent.replaceChildren();
  return append(parent, ...children);
}

/**
 * Make `parent` contain the items `{key, signature, make}` in order. A child with the same key and
 * signature is kept. If the focused child is rebuilt, its replacement gets the focus.
 */
export function reconcile(parent, items) {
  const present = new Map();
  for (const child of parent.children) present.set(child.reconcileKey, child);
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const old = present.get(item.key);
    present.delete(item.key);
    if (old && old.reconcileSignature === item.signature) {
      if (old === cursor) cursor = cursor.nextElementSibling;
      else parent.insertBefore(old, cursor);
      continue;
    }
    const made = item.make();
    made.reconcileKey = item.key;
    made.reconcileSignature = item.signature;
    if (!old) {
      parent.insertBefore(made, cursor);
      continue;
    }
    if (old === cursor) cursor = cursor.nextElementSibling;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(made);
    if (made.nextElementSibling !== cursor) parent.insertBefore(made, cursor);
    if (focused) refocus(made, focused.dataset.focusKey);
  }
  for (const removed of present.values()) removed.remove();
}

function refocus(element, focusKey) {
  const same = focusKey
    ? element.querySelector(`[data-focus-key="${CSS.escape(focusKey)}"]`)
    : null;
  if (same && !same.disabled) {
    same.focus({ preventScroll: true });
    return;
  }
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

let counter = 0;
export function uniqueId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}
