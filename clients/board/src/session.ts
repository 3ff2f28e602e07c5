import { ProblemError } from "@countersign/web";
import { base } from "./routing";

export interface Session {
  name: string;
  person: string | null;
  scopes: string[];
  /** Whether somebody has to sign in. */
  needed: boolean;
}

async function call(method: string, body?: unknown): Promise<Response> {
  const init: RequestInit = { method, cache: "no-store", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(`${base()}api/session`, init);
  } catch (error) {
    throw ProblemError.unreachable(error);
  }
  if (!response.ok) throw await ProblemError.from(response);
  return response;
}

/** Who is signed in; null: nobody, and somebody has to. */
export async function currentSession(): Promise<Session | null> {
  try {
    return (await (await call("GET")).json()) as Session;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) return null;
    throw error;
  }
}

/** Sign in, and return the session as the cookie shows it; null: the browser kept no cookie. */
export async function signIn(by: { link: string } | { token: string }): Promise<Session | null> {
  await call("POST", by);
  return await currentSession();
}

export async function signOut(): Promise<void> {
  await call("DELETE");
}
