"use client";

import {
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from "react";
import { offeredActions, type Action, type Checkpoint } from "../client/index.js";
import { ConfirmStop, Outcomes } from "./choices.js";
import { rememberDetails, type DecisionDetails } from "./details.js";
import { Field, fieldErrors, fieldValues, Problem, type FieldErrors } from "./fields.js";
import { completeLabels, type Labels, type PartialLabels } from "./labels.js";
import { Deadline, Shown } from "./Shown.js";
import { useDraft } from "./useDraft.js";

export interface CheckpointApprovalProps {
  checkpoint: Checkpoint;
  /**
   * Send the decision. If it returns a promise, the buttons wait for it; if that is rejected, the
   * reason is shown and the words stay. `details` are the outcome, the values of the form, and the
   * hash of the output that is shown.
   */
  onSubmit: (action: Action, feedback: string, details: DecisionDetails) => unknown;
  labels?: PartialLabels;
  /** For dates. Default: the browser's. */
  locale?: string;
  /** The level of the component's own heading. */
  headingLevel?: 1 | 2 | 3 | 4;
  className?: string;
  /** Render outputs yourself. The texts come from models: treat them so. */
  renderMarkdown?: (text: string) => ReactNode;
}

interface Errors {
  fields: FieldErrors;
  outcome?: string;
  feedback?: string;
}

const NO_ERRORS: Errors = { fields: {} };

/** Shows what waits for a decision, and takes the decision. */
export function CheckpointApproval({
  checkpoint,
  onSubmit,
  labels: ownLabels,
  locale,
  headingLevel = 2,
  className,
  renderMarkdown,
}: CheckpointApprovalProps): ReactNode {
  const id = useId();
  const labels = useMemo(() => completeLabels(ownLabels), [ownLabels]);
  const root = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [words, setWords] = useDraft(checkpoint.checkpoint_id);
  const [entered, setEntered] = useState<Readonly<Record<string, string>>>({});
  const [outcome, setOutcome] = useState("");
  const [errors, setErrors] = useState(NO_ERRORS);
  const [refusal, setRefusal] = useState("");
  const [sending, setSending] = useState<Action | null>(null);
  const [confirming, setConfirming] = useState(false);
  const [news, setNews] = useState("");
  const isSending = useRef(false);
  const isPending = checkpoint.status === "pending";
  const Heading = `h${headingLevel}` as "h2";

  // A new checkpoint in the place of an old one: words that were not sent stay.
  const shownId = useRef(checkpoint.checkpoint_id);
  const hasFocus = useRef(false);
  useEffect(() => {
    if (shownId.current === checkpoint.checkpoint_id) return;
    shownId.current = checkpoint.checkpoint_id;
    setEntered({});
    setOutcome("");
    setErrors(NO_ERRORS);
    setRefusal("");
    setConfirming(false);
    setNews(words.trim() === "" ? labels.newOutput : `${labels.newOutput} ${labels.wordsKept}`);
    if (hasFocus.current) heading.current?.focus();
  }, [checkpoint.checkpoint_id, labels, words]);

  // The buttons go away with the decision: the focus is not lost with them.
  useEffect(() => {
    if (!isPending && hasFocus.current) heading.current?.focus();
  }, [isPending]);

  const check = (action: Action): Errors => {
    const found: Errors = { fields: {} };
    const isAnswer = checkpoint.kind === "question" && action === "continue";
    if ((action === "revise" || isAnswer) && words.trim() === "") found.feedback = labels.textNeeded;
    if (action !== "continue") return found;
    found.fields = fieldErrors(checkpoint.form, entered, labels);
    if (checkpoint.outcomes.length > 0 && outcome === "") found.outcome = labels.outcomeNeeded;
    return found;
  };

  const decide = async (action: Action): Promise<void> => {
    if (isSending.current) return;
    const wrong = check(action);
    setErrors(wrong);
    setRefusal("");
    if (!isFlawless(wrong)) {
      focusSoon(root.current);
      return;
    }
    const details: DecisionDetails = { output_hash: checkpoint.output_hash };
    if (action === "continue") {
      if (outcome !== "") details.outcome = outcome;
      if (checkpoint.form.length > 0) details.values = fieldValues(checkpoint.form, entered);
    }
    rememberDetails(checkpoint, details);
    isSending.current = true;
    setSending(action);
    setConfirming(false);
    setNews(labels.sending);
    try {
      await onSubmit(action, words.trim(), details);
      setWords("");
      setNews(labels.sent);
    } catch (reason) {
      setRefusal(labels.failed(reasonOf(reason)));
      setNews("");
    } finally {
      isSending.current = false;
      setSending(null);
    }
  };

  const actions = offeredActions(checkpoint);
  const takesWords = isPending || words !== "";
  return (
    <section
      ref={root}
      className={["cs-approval", className].filter(Boolean).join(" ")}
      aria-labelledby={`${id}-heading`}
      onFocus={() => (hasFocus.current = true)}
      onBlur={(event) => {
        // Without a next element the focus fell out because its element has gone.
        if (event.relatedTarget !== null) {
          hasFocus.current = event.currentTarget.contains(event.relatedTarget);
        }
      }}
    >
      <header className="cs-header">
        {labels.kinds[checkpoint.kind] !== undefined && (
          <p className="cs-kind">{labels.kinds[checkpoint.kind]}</p>
        )}
        <Heading ref={heading} id={`${id}-heading`} tabIndex={-1}>
          {checkpoint.description || checkpoint.checkpoint_name}
        </Heading>
        <p className="cs-phase">{labels.phase(checkpoint.phase, checkpoint.revision)}</p>
        {isPending && <Deadline checkpoint={checkpoint} labels={labels} locale={locale} />}
      </header>

      <Shown {...{ checkpoint, headingLevel, labels, renderMarkdown }} />

      <p className="cs-news" role="status">
        {isPending ? news : (decidedText(checkpoint.status, labels) ?? news)}
      </p>
      {refusal !== "" && (
        <p className="cs-refusal" role="alert">
          {refusal}
        </p>
      )}

      {isPending && checkpoint.outcomes.length > 0 && (
        <Outcomes
          {...{ id, labels, outcome }}
          outcomes={checkpoint.outcomes}
          error={errors.outcome}
          onChange={setOutcome}
        />
      )}
      {isPending && checkpoint.form.length > 0 && (
        <fieldset className="cs-form">
          <legend>{labels.form}</legend>
          {checkpoint.form.map((field, index) => (
            <Field
              key={field.name}
              id={`${id}-field-${index}`}
              field={field}
              value={entered[field.name] ?? ""}
              error={errors.fields[field.name]}
              labels={labels}
              onChange={(value) => setEntered((before) => ({ ...before, [field.name]: value }))}
            />
          ))}
        </fieldset>
      )}

      {takesWords && (
        <div className="cs-field">
          <label htmlFor={`${id}-feedback`}>
            {checkpoint.kind === "question" ? labels.answer : labels.feedback}
          </label>
          <textarea
            id={`${id}-feedback`}
            rows={3}
            dir="auto"
            value={words}
            readOnly={!isPending || sending !== null}
            aria-invalid={errors.feedback !== undefined}
            aria-describedby={`${id}-hint ${id}-feedback-error`}
            onChange={(event) => setWords(event.target.value)}
          />
          {isPending && actions.includes("revise") && (
            <p className="cs-hint" id={`${id}-hint`}>
              {labels.feedbackHint}
            </p>
          )}
          <Problem id={`${id}-feedback-error`} text={errors.feedback} />
        </div>
      )}

      {isPending &&
        (confirming ? (
          <ConfirmStop
            {...{ id, labels }}
            onStop={() => void decide("stop")}
            onKeep={() => {
              setConfirming(false);
              focusSoon(root.current, "[data-action=stop]");
            }}
          />
        ) : (
          <div className="cs-actions">
            {actions.map((action) => (
              <button
                key={action}
                type="button"
                className="cs-button"
                data-action={action}
                aria-disabled={sending !== null}
                onClick={() => {
                  if (sending !== null) return;
                  if (action === "stop") setConfirming(true);
                  else void decide(action);
                }}
              >
                {labels.actions[action]}
              </button>
            ))}
          </div>
        ))}
    </section>
  );
}

function isFlawless(errors: Errors): boolean {
  return (
    Object.keys(errors.fields).length === 0 &&
    errors.outcome === undefined &&
    errors.feedback === undefined
  );
}

/** Focus what the selector finds, once it has been rendered. */
function focusSoon(root: HTMLElement | null, selector = "[aria-invalid=true]"): void {
  setTimeout(() => root?.querySelector<HTMLElement>(selector)?.focus());
}

function decidedText(status: string, labels: Labels): string | undefined {
  if (status === "pending") return undefined;
  return status in labels.decided
    ? labels.decided[status as keyof Labels["decided"]]
    : labels.decided.decided;
}

function reasonOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
