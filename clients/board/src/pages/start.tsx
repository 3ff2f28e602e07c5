import { type Crew, type ExecuteRequest } from "@countersign/web";
import { useCallback, useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { useApi } from "../api";
import { asProblem, useLoaded } from "../loading";
import { Empty, Heading, Shown } from "../parts";
import { address, go, useTitle } from "../routing";
import { fieldsOf, valuesOf, type InputField } from "../schema";
import type { Session } from "../session";

/** Starting a run: which crew, what it needs to know, and at which checkpoints it stops. */
export function Start({ crew, session }: { crew: string | null; session: Session }): ReactNode {
  useTitle("Start a run");
  const client = useApi();
  const loaded = useLoaded(
    "crews",
    useCallback(async (signal: AbortSignal) => (await client.crews({ signal })).items, [client]),
    () => false,
  );
  return (
    <>
      <Heading>Start a run</Heading>
      {session.scopes.includes("execute") ? (
        <Shown loaded={loaded}>
          {(crews) =>
            crews.length === 0 ? (
              <Empty title="No crews are set up.">
                <p>
                  An operator can add them to <code>crews.yml</code>.
                </p>
              </Empty>
            ) : (
              <Picker crews={crews} name={crew} />
            )
          }
        </Shown>
      ) : (
        <Empty title="You may read runs, and not start them.">
          <p>Sign in with /crew board, or with a token that has the scope “execute”.</p>
        </Empty>
      )}
    </>
  );
}

function Picker({ crews, name }: { crews: readonly Crew[]; name: string | null }): ReactNode {
  const id = useId();
  const crew = crews.find((each) => each.name === name) ?? (name === null ? crews[0] : undefined);
  return (
    <div className="start">
      <div className="field">
        <label htmlFor={id}>Crew</label>
        <select
          id={id}
          value={crew?.name ?? ""}
          onChange={(event) => go(address.start(event.target.value), { replace: true })}
        >
          {crew === undefined && <option value="">{`there is no crew ${name ?? ""}`}</option>}
          {crews.map((each) => (
            <option key={each.name} value={each.name}>
              {each.name}
            </option>
          ))}
        </select>
        {crew !== undefined && crew.description !== "" && <p className="hint">{crew.description}</p>}
      </div>
      {crew !== undefined && <Form key={crew.name} crew={crew} />}
    </div>
  );
}

function Form({ crew }: { crew: Crew }): ReactNode {
  const client = useApi();
  const id = useId();
  const fields = fieldsOf(crew);
  const [texts, setTexts] = useDraft(crew.name, fields);
  const [leftOut, setLeftOut] = useState<ReadonlySet<string>>(new Set());
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  /** The same request keeps its key, so that sending it again starts nothing twice. */
  const sent = useRef({ body: "", key: "" });

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    const { values, errors } = valuesOf(fields, texts);
    setErrors(errors);
    setProblem("");
    if (Object.keys(errors).length > 0) {
      setTimeout(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    const request: ExecuteRequest = { crew: crew.name, inputs: values };
    if (leftOut.size > 0) request.checkpoints = crew.pauses.filter((each) => !leftOut.has(each));
    const body = JSON.stringify(request);
    if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
    setBusy(true);
    try {
      const started = await client.execute(request, { idempotencyKey: sent.current.key });
      setTexts({});
      go(address.run(started.execution_id));
    } catch (reason) {
      const error = asProblem(reason);
      if (error.status >= 400 && error.status < 500) sent.current = { body: "", key: "" };
      setProblem(error.detail);
      setBusy(false);
    }
  };

  if (crew.problem !== null) {
    return (
      <div className="notice notice-bad" role="alert">
        <p>
          <strong>This crew cannot be started.</strong> {crew.problem}
        </p>
      </div>
    );
  }
  return (
    <form ref={form} onSubmit={(event) => void submit(event)} noValidate>
      {fields.map((field, index) => (
        <Field
          key={field.name}
          id={`${id}-${index}`}
          field={field}
          text={texts[field.name] ?? field.initial}
          error={errors[field.name]}
          onChange={(text) => setTexts({ ...texts, [field.name]: text })}
        />
      ))}
      {crew.pauses.length > 0 && (
        <fieldset className="field">
          <legend>Stop for a decision at</legend>
          {crew.pauses.map((pause) => (
            <label key={pause} className="check">
              <input
                type="checkbox"
                checked={!leftOut.has(pause)}
                onChange={(event) => {
                  const next = new Set(leftOut);
                  if (event.target.checked) next.delete(pause);
                  else next.add(pause);
                  setLeftOut(next);
                }}
              />
              <span>{pause}</span>
            </label>
          ))}
          <p className="hint">
            A checkpoint can be left out only by somebody who may decide it.
          </p>
        </fieldset>
      )}
      {problem !== "" && (
        <p className="notice notice-bad" role="alert">
          Nothing was started: {problem}
        </p>
      )}
      <button type="submit" className="button button-primary" aria-disabled={busy}>
        {busy ? "Starting…" : "Start"}
      </button>
    </form>
  );
}

function Field({
  id,
  field,
  text,
  error,
  onChange,
}: {
  id: string;
  field: InputField;
  text: string;
  error: string | undefined;
  onChange: (text: string) => void;
}): ReactNode {
  const shared = {
    id,
    value: text,
    "aria-required": field.required,
    "aria-invalid": error !== undefined,
    "aria-describedby": error === undefined ? undefined : `${id}-error`,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {field.label}
        {!field.required && <span className="muted"> (optional)</span>}
      </label>
      {field.choices.length > 0 ? (
        <select {...shared}>
          <option value="">{field.required ? "Choose…" : "none"}</option>
          {field.choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.text}
            </option>
          ))}
        </select>
      ) : field.type === "date" ? (
        <input {...shared} type="date" />
      ) : field.type === "number" ? (
        <input {...shared} type="text" inputMode="decimal" />
      ) : (
        <textarea
          {...shared}
          dir="auto"
          rows={field.type === "json" || field.main ? 4 : 2}
          className={field.type === "json" ? "mono" : undefined}
        />
      )}
      {error !== undefined && (
        <p className="problem" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

type Texts = Readonly<Record<string, string>>;

/** What was typed for a crew stays until it has been sent, over other pages and a reload. */
function useDraft(crew: string, fields: readonly InputField[]): [Texts, (texts: Texts) => void] {
  const name = `countersign:start:${crew}`;
  const [texts, setTexts] = useState<Texts>(() => {
    try {
      const kept: unknown = JSON.parse(sessionStorage.getItem(name) ?? "{}");
      const entries = Object.entries(typeof kept === "object" && kept !== null ? kept : {});
      const known = new Set(fields.map((field) => field.name));
      return Object.fromEntries(
        entries.filter(([key, value]) => known.has(key) && typeof value === "string"),
      ) as Texts;
    } catch {
      return {};
    }
  });
  const change = (next: Texts): void => {
    setTexts(next);
    try {
      if (Object.keys(next).length === 0) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, JSON.stringify(next));
    } catch {
      // Then they are kept as long as the page is.
    }
  };
  return [texts, change];
}
