// Input blocks: a label, a field, a hint, and what is wrong with the answer.
import { h, uniqueId } from "../dom.js";
import { FIELDS } from "./fields.js";
import { plainText } from "./objects.js";

export function inputBlock(block, surface) {
  const element = block.element ?? {};
  const id = uniqueId("input");
  const label = plainText(block.label);
  const errorId = `${id}-error`;
  const hintId = `${id}-hint`;
  const node = h("div", { class: "k-input" });
  const context = {
    surface,
    block,
    id,
    label,
    required: !block.optional,
    describedBy: block.hint ? `${hintId} ${errorId}` : errorId,
    onInput: () => showFieldError(node, null),
    onCommit: block.dispatch_action ? (value) => surface.act(block, element, value) : undefined,
  };
  const make = FIELDS[element.type];
  const field = make
    ? make(element, context)
    : h("span", { class: "k-unsupported" }, `Unsupported element: ${element.type}`);
  const labelTag = field.matches("input, select, textarea") ? "label" : "div";
  append(
    node,
    h(
      labelTag,
      { class: "k-label", for: labelTag === "label" ? id : null },
      label,
      optionalMark(block),
    ),
  );
  append(node, field);
  append(node, h("div", { class: "k-error", id: errorId, role: "alert", hidden: true }));
  if (block.hint) append(node, h("div", { class: "k-hint", id: hintId }, plainText(block.hint)));
  return node;
}

const append = (node, child) => node.append(child);

function optionalMark(block) {
  return block.optional ? h("span", { class: "k-optional" }, " (optional)") : null;
}

/** Show `words` under the input, or take them away with null. */
export function showFieldError(node, words) {
  const error = node.querySelector(".k-error");
  const field = node.querySelector(".field, .choices");
  error.textContent = words ?? "";
  error.hidden = words === null;
  if (words === null) field?.removeAttribute("aria-invalid");
  else field?.setAttribute("aria-invalid", "true");
}

/** What the person must mend before a modal can be sent: `{block_id: words}`. */
export function missingAnswers(blocks, surface) {
  const errors = {};
  for (const block of blocks) {
    if (block.type !== "input") continue;
    const value = surface.entered(block.block_id, block.element?.action_id) ?? {};
    const problem = problemWith(block, value);
    if (problem !== null) errors[block.block_id] = problem;
  }
  return errors;
}

function problemWith(block, value) {
  const answers = Object.entries(value).filter(([key]) => key !== "type");
  const given = answers.some(([, answer]) =>
    Array.isArray(answer)
      ? answer.length > 0
      : answer !== null && answer !== undefined && String(answer).trim() !== "",
  );
  if (!given) return block.optional ? null : "Please fill this in";
  const { min_length: least, max_length: most } = block.element;
  const length = typeof value.value === "string" ? [...value.value].length : null;
  if (length !== null && least && length < least)
    return `Please write at least ${least} characters`;
  if (length !== null && most && length > most) return `Please write at most ${most} characters`;
  return null;
}
