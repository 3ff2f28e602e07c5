import type { Crew } from "@countersign/web";

/** A field of the form that starts a run, from the JSON Schema of the crew's inputs. */
export interface InputField {
  name: string;
  label: string;
  type: "text" | "number" | "yes_no" | "date" | "json";
  required: boolean;
  /** What is chosen from; empty: it is typed. */
  choices: { value: string; text: string }[];
  initial: string;
  /** Whether it takes the request itself. */
  main: boolean;
}

interface Property {
  type?: string | string[];
  format?: string;
  title?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
}

export function fieldsOf(crew: Crew): InputField[] {
  const schema = crew.inputs as { properties?: Record<string, Property>; required?: string[] };
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const type = typeOf(property);
    return {
      name,
      label: property.title ?? name.replaceAll("_", " "),
      type,
      required: required.has(name),
      choices: choicesOf(property, type),
      initial: initialOf(property.default, type),
      main: property.description !== undefined,
    };
  });
}

function typeOf({ type, format }: Property): InputField["type"] {
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "yes_no";
  if (type === "string") return format === "date" ? "date" : "text";
  return "json";
}

function choicesOf(property: Property, type: InputField["type"]): InputField["choices"] {
  if (type === "yes_no") {
    return [
      { value: "yes", text: "Yes" },
      { value: "no", text: "No" },
    ];
  }
  return (property.enum ?? []).map((each) => ({ value: String(each), text: String(each) }));
}

function initialOf(value: unknown, type: InputField["type"]): string {
  if (value === undefined || value === null) return "";
  if (type === "yes_no") return value === true ? "yes" : "no";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** The values as the API takes them, and what is wrong with those that it does not. */
export function valuesOf(
  fields: readonly InputField[],
  texts: Readonly<Record<string, string>>,
): { values: Record<string, unknown>; errors: Record<string, string> } {
  const values: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? field.initial;
    if (text.trim() === "") {
      if (field.required) errors[field.name] = "This is needed.";
      continue;
    }
    try {
      values[field.name] = valueOf(field, text);
    } catch (error) {
      errors[field.name] = error instanceof Error ? error.message : String(error);
    }
  }
  return { values, errors };
}

function valueOf({ type }: InputField, text: string): unknown {
  switch (type) {
    case "number": {
      const number = Number(text.trim().replace(",", "."));
      if (!Number.isFinite(number)) throw new Error("Enter a number.");
      return number;
    }
    case "yes_no":
      return text === "yes";
    case "json":
      try {
        return JSON.parse(text);
      } catch {
        throw new Error("Enter JSON: an object in braces, or an array in brackets.");
      }
    default:
      return text;
  }
}
