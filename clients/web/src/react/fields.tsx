"use client";

import type { ReactNode } from "react";
import type { FormField } from "../client/index.js";
import type { Labels } from "./labels.js";

export type FieldErrors = Readonly<Record<string, string>>;

/** What is wrong with the texts that were entered, by field. */
export function fieldErrors(
  form: readonly FormField[],
  entered: Readonly<Record<string, string>>,
  labels: Labels,
): FieldErrors {
  const errors: Record<string, string> = {};
  for (const field of form) {
    const text = entered[field.name]?.trim() ?? "";
    if (text === "") {
      if (field.required) errors[field.name] = labels.valueNeeded;
      continue;
    }
    if (field.type !== "number") continue;
    const number = Number(text);
    const { min, max } = field;
    if (!Number.isFinite(number)) errors[field.name] = labels.numberNeeded;
    else if ((min !== null && number < min) || (max !== null && number > max)) {
      errors[field.name] = labels.between(min, max);
    }
  }
  return errors;
}

/** The values as the API takes them. Empty fields are left out. */
export function fieldValues(
  form: readonly FormField[],
  entered: Readonly<Record<string, string>>,
): Record<string, string | number | boolean> {
  const values: Record<string, string | number | boolean> = {};
  for (const { name, type } of form) {
    const text = entered[name]?.trim() ?? "";
    if (text === "") continue;
    if (type === "number") values[name] = Number(text);
    else if (type === "yes_no") values[name] = text === "yes";
    else values[name] = text;
  }
  return values;
}

export interface FieldProps {
  id: string;
  field: FormField;
  value: string;
  error: string | undefined;
  labels: Labels;
  onChange: (value: string) => void;
}

/** One field of a form, with its label and what is wrong with it. */
export function Field({ id, field, value, error, labels, onChange }: FieldProps): ReactNode {
  const shared = {
    id,
    value,
    "aria-required": field.required,
    "aria-invalid": error !== undefined,
    "aria-describedby": error === undefined ? undefined : `${id}-error`,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  const choices =
    field.type === "yes_no"
      ? [
          { value: "yes", text: labels.yes },
          { value: "no", text: labels.no },
        ]
      : field.choices.map((choice) => ({ value: choice, text: choice }));
  return (
    <div className="cs-field">
      <label htmlFor={id}>
        {field.label || field.name}
        {field.required && <span className="cs-required"> ({labels.required})</span>}
      </label>
      {choices.length > 0 ? (
        <select {...shared}>
          <option value="">{labels.choose}</option>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.text}
            </option>
          ))}
        </select>
      ) : field.type === "number" ? (
        <input {...shared} type="text" inputMode="decimal" />
      ) : field.type === "date" ? (
        <input {...shared} type="date" />
      ) : (
        <input {...shared} type="text" />
      )}
      <Problem id={`${id}-error`} text={error} />
    </div>
  );
}

/** What is wrong with a field, where there is something. */
export function Problem({ id, text }: { id: string; text: string | undefined }): ReactNode {
  return text === undefined ? null : (
    <p className="cs-problem" id={id}>
      {text}
    </p>
  );
}
