import { useEffect, useSyncExternalStore } from "react";

/**
 * Where in the board somebody is. It stands behind the # of the address: it can be linked to, the
 * back button works, and the server sees neither it nor the secret of a link that signs in.
 */
export type Route =
  | { page: "waiting" }
  | { page: "runs"; query: URLSearchParams }
  | { page: "run"; id: string; tab: string }
  | { page: "start"; crew: string | null }
  | { page: "unknown" };

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page, name, tab] = path.split("/").map(decoded);
  switch (page) {
    case "":
    case undefined:
    case "sign-in":
      return { page: "waiting" };
    case "runs":
      if (!name) return { page: "runs", query: new URLSearchParams(query) };
      return { page: "run", id: name, tab: tab ?? "" };
    case "start":
      return { page: "start", crew: name || null };
    default:
      return { page: "unknown" };
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const address = {
  waiting: "#/",
  runs: (query: Readonly<Record<string, string>> = {}): string => {
    const filled = Object.entries(query).filter(([, value]) => value !== "");
    const text = new URLSearchParams(filled).toString();
    return text === "" ? "#/runs" : `#/runs?${text}`;
  },
  run: (id: string, tab = ""): string =>
    `#/runs/${encodeURIComponent(id)}${tab === "" ? "" : `/${tab}`}`,
  start: (crew = ""): string => (crew === "" ? "#/start" : `#/start/${encodeURIComponent(crew)}`),
};

export function go(to: string, { replace = false } = {}): void {
  if (!replace) {
    location.hash = to;
    return;
  }
  history.replaceState(null, "", base() + to);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The path of the page, which ends in a slash. */
export function base(): string {
  return new URL(document.baseURI).pathname;
}

const subscribe = (changed: () => void): (() => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

export function useHash(): string {
  return useSyncExternalStore(subscribe, () => location.hash);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "Countersign" : `${title} · Countersign`;
  }, [title]);
}

const LINK = "#/sign-in/";

/** The secret of a link that signs in, taken out of the address and of the page's history. */
export function takeLink(): string | null {
  if (!location.hash.startsWith(LINK)) return null;
  const secret = location.hash.slice(LINK.length);
  history.replaceState(null, "", base());
  return secret;
}
