"use client";

import { useEffect, useRef, type KeyboardEvent, type ReactNode } from "react";
import { Problem } from "./fields.js";
import type { Labels } from "./labels.js";

/** The outcomes that a gate offers. */
export function Outcomes({
  id,
  labels,
  outcomes,
  outcome,
  error,
  onChange,
}: {
  id: string;
  labels: Labels;
  outcomes: readonly string[];
  outcome: string;
  error: string | undefined;
  onChange: (outcome: string) => void;
}): ReactNode {
  return (
    <fieldset className="cs-outcomes" aria-describedby={`${id}-outcome-error`}>
      <legend>{labels.outcome}</legend>
      {outcomes.map((each) => (
        <label key={each} className="cs-choice">
          <input
            type="radio"
            name={`${id}-outcome`}
            value={each}
            checked={outcome === each}
            aria-invalid={error !== undefined}
            onChange={() => onChange(each)}
          />
          <span>{each}</span>
        </label>
      ))}
      <Problem id={`${id}-outcome-error`} text={error} />
    </fieldset>
  );
}

/** Asks before the run is stopped. The focus is on the way back; Escape takes it. */
export function ConfirmStop({
  id,
  labels,
  onStop,
  onKeep,
}: {
  id: string;
  labels: Labels;
  onStop: () => void;
  onKeep: () => void;
}): ReactNode {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  const escape = (event: KeyboardEvent): void => {
    if (event.key === "Escape") onKeep();
  };
  return (
    <div className="cs-confirm" role="group" aria-labelledby={`${id}-confirm`} onKeyDown={escape}>
      <p id={`${id}-confirm`}>{labels.confirmStop}</p>
      <div className="cs-actions">
        <button ref={keep} type="button" className="cs-button" onClick={onKeep}>
          {labels.keepGoing}
        </button>
        <button type="button" className="cs-button" data-action="stop" onClick={onStop}>
          {labels.stopNow}
        </button>
      </div>
    </div>
  );
}
