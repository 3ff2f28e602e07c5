// Input blocks: a label, a field, a hint and an error.
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

/** Show an error under the input, or remove it with null. */
export function showFieldError(node, message) {
  const error = node.querySelector(".k-error");
  const field = node.querySelector(".field, .choices");
  error.textContent = message ?? "";
  error.hidden = message === null;
  if (message === null) field?.removeAttribute("aria-invalid");
  else field?.setAttribute("aria-invalid", "true");
}

/** The errors that prevent a modal from being sent: `{block_id: message}`. */
export function inputErrors(blocks, surface) {
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
  const hasAnswer = answers.some(([, answer]) =>
    Array.isArray(answer)
      ? answer.length > 0
      : answer !== null && answer !== undefined && String(answer).trim() !== "",
  );
  if (!hasAnswer) return block.optional ? null : "Please fill this in";
  const { min_length: minLength, max_length: maxLength } = block.element;
  const length = typeof value.value === "string" ? [...value.value].length : null;
  if (length !== null && minLength && length < minLength)
    return `Please enter at least ${minLength} characters`;
  if (length !== null && maxLength && length > maxLength)
    return `Please enter at most ${maxLength} characters`;
  return null;
}
