// A confirmation dialog with the app's own texts.
import { h } from "../dom.js";
import { plainText, textNodes } from "../kit/objects.js";
import { openDialog } from "./dialog.js";

/** Resolves to true if the person confirms. */
export function askConfirm(confirm, names) {
  return new Promise((resolve) => {
    const settle = (answer) => {
      dialog.finish();
      resolve(answer);
    };
    const dialog = openDialog({
      title: plainText(confirm.title) || "Are you sure?",
      className: "confirm",
      testid: "confirm",
      role: "alertdialog",
      onCancel: () => settle(false),
    });
    const deny = h(
      "button",
      { type: "button", class: "button", on: { click: () => settle(false) } },
      plainText(confirm.deny) || "Cancel",
    );
    const style = confirm.style === "danger" ? "danger" : "primary";
    const agree = h(
      "button",
      { type: "button", class: `button button-${style}`, on: { click: () => settle(true) } },
      plainText(confirm.confirm) || "Yes",
    );
    dialog.append(
      h("header", { class: "dialog-head" }, dialog.heading),
      h("div", { class: "dialog-body prose" }, textNodes(confirm.text, names)),
      h("footer", { class: "dialog-foot" }, deny, agree),
    );
    // Focus the safe answer, so that a second press of Enter does not confirm.
    deny.focus();
  });
}
