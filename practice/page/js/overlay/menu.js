// A button with a menu: arrow keys move; Escape and a click outside close it.
import { h } from "../dom.js";

/** Open the menu to the other side where it would leave the pane or the window. */
function keepInSight(menu) {
  const pane = menu.closest(".messages, .dialog-body, .home") ?? document.documentElement;
  const frame = pane.getBoundingClientRect();
  const place = menu.getBoundingClientRect();
  const bottom = Math.min(frame.bottom, innerHeight);
  if (place.bottom > bottom && place.top - place.height > frame.top) menu.classList.add("menu-up");
  if (place.right > Math.min(frame.right, innerWidth)) menu.classList.add("menu-left");
}

/** `items()` returns `{label | node, choose, checked?}` entries each time the menu opens. */
export function menuButton(button, items, { className = "", testid = null } = {}) {
  const wrap = h("span", { class: `menu-wrap ${className}` }, button);
  let menu = null;
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");

  const close = ({ refocus }) => {
    if (menu === null) return;
    menu.remove();
    menu = null;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (refocus) button.focus();
  };
  const outside = (event) => {
    if (!wrap.contains(event.target)) close({ refocus: false });
  };
  const entry = ({ label, node, choose, checked }) =>
    h(
      "button",
      {
        type: "button",
        class: "menu-item",
        role: checked === undefined ? "menuitem" : "menuitemradio",
        "aria-checked": checked === undefined ? null : String(checked),
        tabindex: -1,
        on: {
          click: () => {
            close({ refocus: true });
            choose();
          },
        },
      },
      node ?? label,
    );
  const open = () => {
    menu = h(
      "div",
      { class: "menu", role: "menu", data: testid ? { testid } : {} },
      items().map(entry),
    );
    wrap.append(menu);
    keepInSight(menu);
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    menu.firstElementChild?.focus();
  };
  button.addEventListener("click", () => (menu === null ? open() : close({ refocus: true })));
  wrap.addEventListener("keydown", (event) => {
    if (menu === null) return;
    const entries = [...menu.children];
    const at = entries.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) entries[(at + step + entries.length) % entries.length].focus();
    else if (event.key === "Home") entries[0].focus();
    else if (event.key === "End") entries.at(-1).focus();
    else if (event.key === "Escape") close({ refocus: true });
    else if (event.key === "Tab") return close({ refocus: false });
    else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  });
  return wrap;
}
