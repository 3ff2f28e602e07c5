// Elements that hold a value. Each is `(element, context) => node`. The context has the surface, the
// block, a label, and `onCommit(value)` if a change sends an interaction.
import { h, uniqueId } from "../dom.js";
import { plainText, spokenText, textNodes } from "./objects.js";

/** The value that the person entered before a re-render, or the app's initial value. */
function current(element, context, initial) {
  const entered = context.surface.entered(context.block.block_id, element.action_id);
  const value = entered ?? { type: element.type, ...initial };
  context.surface.enter(context.block.block_id, element.action_id, value);
  return value;
}

function keep(element, context, entry, { commit }) {
  const value = { type: element.type, ...entry };
  context.surface.enter(context.block.block_id, element.action_id, value);
  context.onInput?.();
  if (commit) void context.onCommit?.(entry);
}

function shared(element, context) {
  return {
    id: context.id ?? null,
    "aria-label": context.id ? null : context.label,
    "aria-describedby": context.describedBy ?? null,
    "aria-required": context.required ? "true" : null,
    class: "field",
    placeholder: plainText(element.placeholder) || null,
    autofocus: element.focus_on_load ?? false,
    data: { focusKey: `${context.block.block_id ?? ""}/${element.action_id ?? ""}` },
  };
}

function textField(tag, attributes = {}, key = "value") {
  return (element, context) => {
    const start = current(element, context, {
      [key]: element.initial_value ?? element[`initial_${key}`] ?? null,
    });
    const field = h(tag, {
      ...shared(element, context),
      ...attributes,
      maxlength: element.max_length ?? null,
      value: start[key] ?? "",
    });
    const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
    field.addEventListener("input", () => {
      keep(
        element,
        context,
        { [key]: field.value === "" ? null : field.value },
        { commit: triggers.includes("on_character_entered") },
      );
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && tag === "input" && triggers.includes("on_enter_pressed")) {
        keep(element, context, { [key]: field.value || null }, { commit: true });
      }
    });
    return field;
  };
}

function plainTextInput(element, context) {
  if (!element.multiline)
    return textField("input", { type: "text", autocomplete: "off" })(element, context);
  return textField("textarea", { rows: 5 })(element, context);
}

function picker(type, key) {
  return (element, context) => {
    const start = current(element, context, {
      [key]: element[`initial_${key.replace("selected_", "")}`] ?? null,
    });
    const field = h("input", { ...shared(element, context), type, value: start[key] ?? "" });
    field.addEventListener("change", () =>
      keep(element, context, { [key]: field.value || null }, { commit: true }),
    );
    return field;
  };
}

function optionsOf(element) {
  return element.options ?? (element.option_groups ?? []).flatMap((group) => group.options);
}

/** A native menu: the same on a phone, with a keyboard and with a screen reader. */
function selectNode(element, context, { key, groups, start, toValue }) {
  const startKey = start === null ? "" : start;
  const option = ({ value, label }) => h("option", { value, selected: value === startKey }, label);
  const placeholder = plainText(element.placeholder) || "Choose…";
  const field = h(
    "select",
    { ...shared(element, context), placeholder: null },
    h("option", { value: "", selected: startKey === "" }, placeholder),
    groups.map((group) =>
      group.label
        ? h("optgroup", { label: group.label }, group.options.map(option))
        : group.options.map(option),
    ),
  );
  field.addEventListener("change", () =>
    keep(element, context, { [key]: toValue(field.value) }, { commit: field.value !== "" }),
  );
  return field;
}

function staticSelect(element, context) {
  const start = current(element, context, { selected_option: element.initial_option ?? null });
  const listed = (options) =>
    options.map((option) => ({ value: option.value, label: spokenText(option.text) }));
  const groups = element.options
    ? [{ options: listed(element.options) }]
    : (element.option_groups ?? []).map((group) => ({
        label: plainText(group.label),
        options: listed(group.options),
      }));
  return selectNode(element, context, {
    key: "selected_option",
    groups,
    start: start.selected_option?.value ?? null,
    toValue: (value) => optionsOf(element).find((option) => option.value === value) ?? null,
  });
}

function namedSelect(key, choices) {
  return (element, context) => {
    const initial = element[key.replace("selected_", "initial_")] ?? null;
    const start = current(element, context, { [key]: initial });
    return selectNode(element, context, {
      key,
      groups: [{ options: choices(context.surface.names) }],
      start: start[key],
      toValue: (value) => value || null,
    });
  };
}

const people = (names) =>
  names.users().map((user) => ({ value: user.id, label: user.real_name || user.name }));
const channels = (names) =>
  names.channels().map((channel) => ({ value: channel.id, label: `#${channel.name}` }));

/** Checkboxes or radio buttons with descriptions. */
function choiceGroup(type, { options, isChosen, onChange, context, element }) {
  const group = uniqueId("choice");
  const role = type === "radio" ? "radiogroup" : "group";
  const box = h("div", {
    class: "choices",
    role,
    "aria-label": context.label,
    "aria-describedby": context.describedBy ?? null,
    id: context.id ?? null,
  });
  options.forEach((option, index) => {
    const input = h("input", {
      type,
      name: group,
      value: option.value,
      checked: isChosen(option),
      data: { focusKey: `${context.block.block_id ?? ""}/${element.action_id ?? ""}/${index}` },
      on: {
        change: () =>
          onChange([...box.querySelectorAll("input:checked")].map((field) => field.value)),
      },
    });
    const words = h(
      "span",
      { class: "choice-text" },
      textNodes(option.text, context.surface.names),
    );
    if (option.description)
      words.append(
        h("span", { class: "choice-note" }, textNodes(option.description, context.surface.names)),
      );
    box.append(h("label", { class: "choice" }, input, words));
  });
  return box;
}

function multiChoice(element, context, { key, options, identify }) {
  const initial = element[key.replace("selected_", "initial_")] ?? [];
  const start = current(element, context, { [key]: initial });
  const chosen = new Set((start[key] ?? []).map(identify));
  return choiceGroup("checkbox", {
    options,
    element,
    context,
    isChosen: (option) => chosen.has(option.value),
    onChange: (values) => {
      const picked = options.filter((option) => values.includes(option.value));
      keep(
        element,
        context,
        { [key]: key === "selected_options" ? picked : picked.map((option) => option.value) },
        { commit: true },
      );
    },
  });
}

const checkboxes = (element, context) =>
  multiChoice(element, context, {
    key: "selected_options",
    options: optionsOf(element),
    identify: (option) => option.value,
  });

function radioButtons(element, context) {
  const start = current(element, context, { selected_option: element.initial_option ?? null });
  const options = optionsOf(element);
  return choiceGroup("radio", {
    options,
    element,
    context,
    isChosen: (option) => option.value === start.selected_option?.value,
    onChange: ([value]) =>
      keep(
        element,
        context,
        { selected_option: options.find((option) => option.value === value) },
        { commit: true },
      ),
  });
}

/** A menu of checkboxes under a summary of the selection. */
function multiSelect(list) {
  return (element, context) => {
    const summary = h("summary", { class: "field multi-summary" });
    const choices = list(element, { ...context, id: null });
    const showSelection = () => {
      const labels = [...choices.querySelectorAll("input:checked")].map(
        (input) => input.parentElement.querySelector(".choice-text").firstChild.textContent,
      );
      summary.textContent =
        labels.length > 0 ? labels.join(", ") : plainText(element.placeholder) || "Choose…";
    };
    choices.addEventListener("change", showSelection);
    showSelection();
    return h("details", { class: "multi", id: context.id ?? null }, summary, choices);
  };
}

const namedMulti = (key, choices) =>
  multiSelect((element, context) =>
    multiChoice(element, context, {
      key,
      options: choices(context.surface.names).map(({ value, label }) => ({
        value,
        text: { type: "plain_text", text: label, emoji: false },
      })),
      identify: (id) => id,
    }),
  );

export const FIELDS = {
  plain_text_input: plainTextInput,
  email_text_input: textField("input", { type: "email", autocomplete: "off" }),
  url_text_input: textField("input", { type: "url", autocomplete: "off" }),
  number_input: textField("input", { type: "text", inputmode: "decimal", autocomplete: "off" }),
  datepicker: picker("date", "selected_date"),
  timepicker: picker("time", "selected_time"),
  static_select: staticSelect,
  users_select: namedSelect("selected_user", people),
  channels_select: namedSelect("selected_channel", channels),
  conversations_select: namedSelect("selected_conversation", channels),
  checkboxes,
  radio_buttons: radioButtons,
  multi_static_select: multiSelect(checkboxes),
  multi_users_select: namedMulti("selected_users", people),
  multi_channels_select: namedMulti("selected_channels", channels),
  multi_conversations_select: namedMulti("selected_conversations", channels),
};
