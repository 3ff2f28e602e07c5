import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { Mark } from "../frame";
import { asProblem } from "../loading";
import { useTitle } from "../routing";
import { signIn, type Session } from "../session";

/** Signing in: with a link from Slack, which is used up by the button only, or with a token. */
export function SignIn({
  link,
  why,
  current,
  onSignedIn,
  onLeaveLink,
}: {
  link: string | null;
  why: "first" | "ended";
  /** Who is signed in already, when a link is opened. */
  current: Session | null;
  onSignedIn: (session: Session) => void;
  onLeaveLink: () => void;
}): ReactNode {
  useTitle("Sign in");
  const id = useId();
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [isUsed, setIsUsed] = useState(false);
  const [busy, setBusy] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [isUsed]);

  const enter = async (by: { link: string } | { token: string }): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem("");
    try {
      const session = await signIn(by);
      if (session !== null) onSignedIn(session);
      else setProblem(NO_COOKIE);
    } catch (reason) {
      const error = asProblem(reason);
      if (error.status === 401 && "link" in by) setIsUsed(true);
      else if (error.status === 401) setProblem(NO_SUCH_TOKEN);
      else setProblem(error.detail);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (token.trim() === "") setProblem("Paste a token first.");
    else void enter({ token: token.trim() });
  };

  return (
    <main className="door">
      <div className="door-card">
        <p className="brand">
          <Mark /> Countersign
        </p>
        {link !== null && !isUsed && (
          <section>
            <h1 ref={heading} tabIndex={-1}>
              Sign in to the board
            </h1>
            <p>
              This link from Slack signs you in as yourself in this browser, for twelve hours. It
              works once.
            </p>
            {current?.needed && (
              <p>
                You are signed in as <strong>{current.name}</strong> now.
              </p>
            )}
            <p className="door-actions">
              <button
                type="button"
                className="button button-primary"
                aria-disabled={busy}
                onClick={() => void enter({ link })}
              >
                {busy ? "Signing in…" : "Sign in"}
              </button>
              {current !== null && (
                <button type="button" className="button" onClick={onLeaveLink}>
                  Stay as I am
                </button>
              )}
            </p>
          </section>
        )}
        {isUsed && (
          <section>
            <h1 ref={heading} tabIndex={-1}>
              This link cannot be used
            </h1>
            <p>
              It has been used before, or its ten minutes have passed. Type{" "}
              <code>/crew board</code> in Slack for a new one.
            </p>
            {current !== null && (
              <p className="door-actions">
                <button type="button" className="button" onClick={onLeaveLink}>
                  Go to the board
                </button>
              </p>
            )}
          </section>
        )}
        {link === null && (
          <section>
            <h1 ref={heading} tabIndex={-1}>
              {why === "ended" ? "You are signed out" : "Sign in to the board"}
            </h1>
            {why === "ended" && <p>Your session has ended, or it was revoked.</p>}
            <p>
              Type <code>/crew board</code> in Slack, and open the link that only you see there.
            </p>
          </section>
        )}
        {problem !== "" && (
          <p className="notice notice-bad" role="alert" id={`${id}-problem`}>
            {problem}
          </p>
        )}
        {(link === null || isUsed) && (
          <form onSubmit={submit} noValidate>
            <label htmlFor={`${id}-token`}>Or paste an API token</label>
            <div className="door-token">
              <input
                id={`${id}-token`}
                type="password"
                autoComplete="off"
                spellCheck={false}
                value={token}
                aria-describedby={problem === "" ? undefined : `${id}-problem`}
                aria-invalid={problem !== ""}
                onChange={(event) => setToken(event.target.value)}
              />
              <button type="submit" className="button" aria-disabled={busy}>
                Sign in
              </button>
            </div>
          </form>
        )}
      </div>
    </main>
  );
}

const NO_SUCH_TOKEN =
  "This token is not valid: it may be mistyped, expired or revoked. “countersign tokens list” shows which there are.";
const NO_COOKIE =
  "Your browser did not keep the sign-in. It needs cookies and, unless the bot runs on this computer, an address with https.";
