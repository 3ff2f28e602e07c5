// A dialog that shows a file.
import { h, replaceChildren } from "../dom.js";
import { icon } from "../icons.js";
import { markdown } from "../text/markdown.js";
import { openDialog } from "./dialog.js";

export function fileAddress(file, { download = false } = {}) {
  return `/page/files/${encodeURIComponent(file.id)}/${encodeURIComponent(file.name)}${download ? "?download=1" : ""}`;
}

/** Whether the page shows the file as a picture. */
export function isImage(file) {
  return ["image/png", "image/jpeg", "image/gif", "image/webp"].includes(file.mimetype);
}

export async function openFile(file, names) {
  const title = file.title || file.name;
  const close = () => dialog.finish();
  const dialog = openDialog({ title, className: "viewer", testid: "viewer", onCancel: close });
  const body = h(
    "div",
    { class: "dialog-body viewer-body", tabindex: 0 },
    h("p", { class: "muted" }, "Opening…"),
  );
  const closeButton = h(
    "button",
    { type: "button", class: "tool", "aria-label": "Close", on: { click: close } },
    icon("close"),
  );
  dialog.append(
    h(
      "header",
      { class: "dialog-head" },
      dialog.heading,
      h(
        "a",
        {
          class: "tool",
          href: fileAddress(file),
          target: "_blank",
          rel: "noopener",
          "aria-label": "Open in a new tab",
          title: "Open in a new tab",
        },
        icon("open"),
      ),
      h(
        "a",
        {
          class: "tool",
          href: fileAddress(file, { download: true }),
          download: file.name,
          "aria-label": "Download",
          title: "Download",
        },
        icon("download"),
      ),
      closeButton,
    ),
    body,
  );
  closeButton.focus();
  if (isImage(file)) {
    replaceChildren(body, h("img", { class: "viewer-image", src: fileAddress(file), alt: title }));
    return;
  }
  const text = await read(file);
  if (text === null)
    replaceChildren(body, h("p", { class: "dialog-problem" }, "The file could not be read."));
  else if (/\.(md|markdown)$/i.test(file.name))
    replaceChildren(body, h("div", { class: "prose viewer-prose" }, markdown(text, names)));
  else replaceChildren(body, h("pre", { class: "viewer-plain" }, text));
}

async function read(file) {
  try {
    const response = await fetch(fileAddress(file));
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
