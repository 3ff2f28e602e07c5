// "Are you sure?" as the bot words it.
import { h } from "../dom.js";
import { plainText, textNodes } from "../kit/objects.js";
import { openDialog } from "./dialog.js";

/** Resolves to true when the person confirms. */
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
    // The safe answer has the focus: a second press of Enter must not stop a run.
    deny.focus();
  });
}
