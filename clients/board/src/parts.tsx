import type { ExecutionState, ProblemError } from "@countersign/web";
import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import type { Loaded } from "./loading";
import { address } from "./routing";
import { STATES } from "./texts";

/** The heading of a page. It gets the focus when the page is opened, for screen readers. */
export function Heading({ children }: { children: ReactNode }): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const isTyping = document.activeElement?.matches("input, textarea, select");
    if (!isTyping) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

export function State({ state }: { state: ExecutionState }): ReactNode {
  return <span className={`state state-${state}`}>{STATES[state] ?? state}</span>;
}

/** What was loaded, or in its place what is going on. */
export function Shown<T>({
  loaded,
  missing,
  children,
}: {
  loaded: Loaded<T>;
  /** What to say if there is no such thing, or it may not be seen. */
  missing?: string;
  children: (data: T) => ReactNode;
}): ReactNode {
  const { data, error, reload } = loaded;
  if (data !== null) {
    const gone = error !== null && error.status !== 0 && !error.passes;
    return gone ? <Trouble error={error} missing={missing} onRetry={reload} /> : children(data);
  }
  if (error !== null) return <Trouble error={error} missing={missing} onRetry={reload} />;
  return <Loading />;
}

function Loading(): ReactNode {
  return (
    <div className="loading" role="status">
      <span>Loading…</span>
    </div>
  );
}

export function Trouble({
  error,
  missing,
  onRetry,
}: {
  error: ProblemError;
  missing?: string | undefined;
  onRetry?: () => void;
}): ReactNode {
  const { title, text } = words(error, missing);
  return (
    <div className="notice notice-bad" role="alert">
      <p>
        <strong>{title}</strong> {text}
      </p>
      {onRetry !== undefined && error.passes && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

function words(error: ProblemError, missing?: string): { title: string; text: string } {
  switch (error.status) {
    case 0:
      return { title: "No connection.", text: "The bot cannot be reached. The board keeps trying." };
    case 401:
      return { title: "You are signed out.", text: "Sign in again to go on." };
    case 403:
      return { title: "This is not allowed for you.", text: sentence(error.detail) };
    case 404:
      return { title: "Not found.", text: missing ?? sentence(error.detail) };
    case 409:
      return { title: "It has changed meanwhile.", text: sentence(error.detail) };
    case 429:
      return { title: "Too many requests.", text: "The board tries again by itself." };
    default:
      return error.status >= 500
        ? { title: "The bot has a problem.", text: sentence(error.detail) }
        : { title: "This did not work.", text: sentence(error.detail) };
  }
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A button whose act is asked about once more, in its own place. */
export function Confirmed({
  label,
  question,
  confirm,
  keep = "Keep it",
  busy,
  onConfirm,
}: {
  label: string;
  question: string;
  confirm: string;
  keep?: string;
  busy: boolean;
  onConfirm: () => void;
}): ReactNode {
  const id = useId();
  const [asks, setAsks] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const keepButton = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useEffect(() => {
    if (asks) keepButton.current?.focus();
    else if (wasAsking.current) button.current?.focus();
    wasAsking.current = asks;
  }, [asks]);
  if (!asks) {
    return (
      <button
        ref={button}
        type="button"
        className="button button-danger"
        disabled={busy}
        onClick={() => setAsks(true)}
      >
        {label}
      </button>
    );
  }
  return (
    <div
      className="confirm"
      role="group"
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key === "Escape") setAsks(false);
      }}
    >
      <p id={id}>{question}</p>
      <button ref={keepButton} type="button" className="button" onClick={() => setAsks(false)}>
        {keep}
      </button>
      <button
        type="button"
        className="button button-danger button-strong"
        disabled={busy}
        onClick={() => {
          setAsks(false);
          onConfirm();
        }}
      >
        {confirm}
      </button>
    </div>
  );
}

export function NotFound(): ReactNode {
  return (
    <>
      <Heading>There is no such page</Heading>
      <p>
        <a href={address.waiting}>What waits for a decision</a>
      </p>
    </>
  );
}
