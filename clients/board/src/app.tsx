import { createClient, type ProblemError } from "@countersign/web";
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useState,
  type ReactNode,
} from "react";
import { LiveProvider } from "./live";
import { asProblem, ReachedContext, SignedOutContext } from "./loading";
import { NotFound, Trouble } from "./parts";
import { Frame } from "./frame";
import { Runs } from "./pages/runs";
import { SignIn } from "./pages/sign-in";
import { Start } from "./pages/start";
import { Waiting } from "./pages/waiting";
import { ClientContext } from "./api";
import { base, parse, takeLink, useHash } from "./routing";
import { currentSession, type Session } from "./session";

type Gate =
  | { at: "looking" }
  | { at: "door"; why: "first" | "ended" }
  | { at: "unreachable"; error: ProblemError }
  | { at: "inside"; session: Session };

// With the Markdown of outputs, it is as large as everything else together.
const Run = lazy(async () => ({ default: (await import("./pages/run")).Run }));

const firstLink = takeLink();

export function App(): ReactNode {
  const [link, setLink] = useState(firstLink);
  const [gate, setGate] = useState<Gate>({ at: "looking" });
  const look = useCallback(async () => {
    try {
      const session = await currentSession();
      setGate(session === null ? { at: "door", why: "first" } : { at: "inside", session });
    } catch (reason) {
      setGate({ at: "unreachable", error: asProblem(reason) });
    }
  }, []);
  useEffect(() => void look(), [look]);
  useEffect(() => {
    // A link that is opened in a page that shows the board already.
    const changed = (): void => {
      const secret = takeLink();
      if (secret !== null) setLink(secret);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);

  if (gate.at === "looking") return null;
  if (gate.at === "unreachable") {
    return (
      <main className="page narrow">
        <Trouble error={gate.error} onRetry={() => void look()} />
      </main>
    );
  }
  if (link !== null || gate.at === "door") {
    return (
      <SignIn
        link={link}
        why={gate.at === "door" ? gate.why : "first"}
        current={gate.at === "inside" ? gate.session : null}
        onSignedIn={(session) => {
          setLink(null);
          setGate({ at: "inside", session });
        }}
        onLeaveLink={() => setLink(null)}
      />
    );
  }
  return (
    <Board
      session={gate.session}
      onSignedOut={(why) => setGate({ at: "door", why })}
      key={`${gate.session.person ?? ""} ${gate.session.name}`}
    />
  );
}

function Board({
  session,
  onSignedOut,
}: {
  session: Session;
  onSignedOut: (why: "first" | "ended") => void;
}): ReactNode {
  const client = useMemo(() => createClient({ baseUrl: base().replace(/\/$/, ""), retries: 1 }), []);
  const [reached, setReached] = useState(true);
  const ended = useCallback(() => onSignedOut("ended"), [onSignedOut]);
  return (
    <ClientContext value={client}>
      <SignedOutContext value={ended}>
        <ReachedContext value={setReached}>
          <LiveProvider client={client}>
            <Frame session={session} reached={reached} onSignedOut={() => onSignedOut("first")}>
              <Page session={session} />
            </Frame>
          </LiveProvider>
        </ReachedContext>
      </SignedOutContext>
    </ClientContext>
  );
}

function Page({ session }: { session: Session }): ReactNode {
  const hash = useHash();
  const route = useMemo(() => parse(hash), [hash]);
  switch (route.page) {
    case "waiting":
      return <Waiting />;
    case "runs":
      return <Runs query={route.query} />;
    case "run":
      return (
        <Suspense>
          <Run key={route.id} id={route.id} tab={route.tab} session={session} />
        </Suspense>
      );
    case "start":
      return <Start crew={route.crew} session={session} />;
    case "unknown":
      return <NotFound />;
  }
}
