// A modal dialog: the rest of the page is inert, Tab stays inside, and Escape cancels.
import { h, uniqueId } from "../dom.js";

const FOCUSABLE =
  "a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), textarea:not([disabled]), summary, [tabindex='0']";

/** Open a dialog. Escape calls `onCancel`. Returns the `<dialog>`; `dialog.finish()` removes it. */
export function openDialog({ title, className = "", testid, role = "dialog", onCancel }) {
  const titleId = uniqueId("dialog-title");
  const heading = h("h2", { class: "dialog-title", id: titleId }, title);
  const dialog = h("dialog", {
    class: `dialog ${className}`,
    role,
    "aria-modal": "true",
    "aria-labelledby": titleId,
    data: { testid },
  });
  const before = document.activeElement;
  dialog.heading = heading;
  dialog.finish = () => {
    dialog.close();
    dialog.remove();
    if (before?.isConnected) before.focus({ preventScroll: true });
  };
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onCancel();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Tab") keepInside(dialog, event);
    else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onCancel();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function keepInside(dialog, event) {
  const stops = [...dialog.querySelectorAll(FOCUSABLE)].filter((stop) => stop.checkVisibility());
  if (stops.length === 0) return;
  const last = event.shiftKey ? stops[0] : stops.at(-1);
  if (document.activeElement !== last && dialog.contains(document.activeElement)) return;
  event.preventDefault();
  (event.shiftKey ? stops.at(-1) : stops[0]).focus();
}
