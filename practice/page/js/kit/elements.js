// Buttons, menus and other elements that send an interaction when they are used.
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { menuButton } from "../overlay/menu.js";
import { askConfirm } from "../overlay/confirm.js";
import { safeUrl } from "../text/links.js";
import { picture, plainText, spokenText } from "./objects.js";
import { FIELDS } from "./fields.js";

/** The node for an element in an actions block or a section's accessory. */
export function elementNode(element, block, surface) {
  switch (element?.type) {
    case "button":
      return buttonNode(element, block, surface);
    case "overflow":
      return overflowNode(element, block, surface);
    case "image":
      return picture(element.image_url, element.alt_text, "k-accessory-image");
    default:
      return Object.hasOwn(FIELDS, element?.type ?? "")
        ? FIELDS[element.type](element, fieldContext(element, block, surface))
        : h(
            "span",
            { class: "k-unsupported" },
            `Unsupported element: ${element?.type ?? "without a type"}`,
          );
  }
}

/** Outside an input block, every change sends an interaction. */
function fieldContext(element, block, surface) {
  const name = plainText(element.placeholder) || element.action_id || element.type;
  return {
    surface,
    block,
    label: name,
    onCommit: async (value) => {
      if (await confirmed(element, surface)) await surface.act(block, element, value);
    },
  };
}

async function confirmed(element, surface) {
  return element.confirm ? askConfirm(element.confirm, surface.names) : true;
}

function buttonNode(element, block, surface) {
  const kind = element.style ? ` button-${element.style}` : "";
  const button = h(
    "button",
    {
      type: "button",
      class: `button${kind}`,
      "aria-label": element.accessibility_label ?? null,
      data: { focusKey: `${block.block_id ?? ""}/${element.action_id ?? ""}` },
    },
    h("span", { class: "button-label" }, plainText(element.text)),
  );
  button.addEventListener("click", async () => {
    if (isWaiting(button) || !(await confirmed(element, surface)) || isWaiting(button)) return;
    const url = element.url ? safeUrl(element.url) : null;
    if (url !== null) window.open(url.href, "_blank", "noopener,noreferrer");
    await whileWaiting(button, () =>
      surface.act(block, element, { value: element.value, text: element.text }),
    );
  });
  return button;
}

const isWaiting = (button) => button.getAttribute("aria-busy") === "true";

/** Disable a button without `disabled`, which would take the focus from it. */
async function whileWaiting(button, work) {
  button.setAttribute("aria-disabled", "true");
  button.setAttribute("aria-busy", "true");
  button.classList.add("button-waiting");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
    button.removeAttribute("aria-busy");
    button.classList.remove("button-waiting");
  }
}

function overflowNode(element, block, surface) {
  const button = h(
    "button",
    {
      type: "button",
      class: "button button-icon",
      "aria-label": "More actions",
      data: { focusKey: `${block.block_id ?? ""}/${element.action_id ?? ""}` },
    },
    icon("more", { size: 18 }),
  );
  const choose = async (option) => {
    if (isWaiting(button)) return;
    const url = option.url ? safeUrl(option.url) : null;
    if (!(await confirmed(element, surface))) return;
    if (url !== null) window.open(url.href, "_blank", "noopener,noreferrer");
    await whileWaiting(button, () => surface.act(block, element, { selected_option: option }));
  };
  const items = () =>
    (element.options ?? []).map((option) => ({
      label: spokenText(option.text),
      choose: () => choose(option),
    }));
  return menuButton(button, items);
}
