import { useState, type ReactNode } from "react";
import { useLive } from "./live";
import { asProblem } from "./loading";
import { address, parse, useHash } from "./routing";
import { signOut, type Session } from "./session";

/** What stands around every page: where one can go, who is signed in, and the connection. */
export function Frame({
  session,
  reached,
  onSignedOut,
  children,
}: {
  session: Session;
  reached: boolean;
  onSignedOut: () => void;
  children: ReactNode;
}): ReactNode {
  const route = parse(useHash());
  const { link } = useLive();
  const [problem, setProblem] = useState("");
  const leave = async (): Promise<void> => {
    try {
      await signOut();
    } catch (reason) {
      const error = asProblem(reason);
      if (error.status !== 401) {
        setProblem(`You are still signed in: ${error.detail}`);
        return;
      }
    }
    onSignedOut();
  };
  const tab = (to: string, name: string, pages: readonly string[]): ReactNode => (
    <a href={to} aria-current={pages.includes(route.page) ? "page" : undefined}>
      {name}
    </a>
  );
  return (
    <>
      <a className="skip-link" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <header className="bar">
        <div className="bar-inner">
          <a className="brand" href={address.waiting}>
            <Mark /> Countersign
          </a>
          <nav aria-label="Board">
            {tab(address.waiting, "Waiting", ["waiting"])}
            {tab(address.runs(), "Runs", ["runs", "run"])}
            {tab(address.start(), "Start", ["start"])}
          </nav>
          <div className="who">
            <Connection link={link} reached={reached} />
            {session.needed && (
              <>
                <span className="who-name" title={session.person ?? session.name}>
                  {session.name}
                </span>
                <button type="button" className="link-button" onClick={() => void leave()}>
                  Sign out
                </button>
              </>
            )}
          </div>
        </div>
      </header>
      {!reached && (
        <p className="banner" role="status">
          The connection is lost. The board keeps trying, and what you have typed stays.
        </p>
      )}
      {problem !== "" && (
        <p className="banner" role="alert">
          {problem}
        </p>
      )}
      <main className="page" id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function skip(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Connection({ link, reached }: { link: string; reached: boolean }): ReactNode {
  const [state, text, title] = !reached
    ? ["lost", "Offline", "The bot cannot be reached."]
    : link === "live"
      ? ["live", "Live", "Changes appear at once."]
      : link === "polling"
        ? ["polling", "Every few seconds", "No events come through, so the board asks by itself."]
        : ["polling", "Connecting…", "The board opens its stream of events."];
  return (
    <span className={`connection connection-${state}`} title={title}>
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M8 17.5l5.2 5L24 10.5" />
    </svg>
  );
}
