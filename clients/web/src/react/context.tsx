"use client";

import { createContext, useContext, useEffect, useMemo, useRef, type ReactNode } from "react";
import { createClient, type ClientOptions, type CountersignClient } from "../client/index.js";

const Context = createContext<CountersignClient | null>(null);

export interface ConnectionOptions extends ClientOptions {
  /** A client of your own, instead of the other options. */
  client?: CountersignClient;
}

/** Gives every hook inside it the same client. */
export function CountersignProvider({
  children,
  ...options
}: ConnectionOptions & { children: ReactNode }): ReactNode {
  const client = useClient(options);
  return <Context.Provider value={client}>{children}</Context.Provider>;
}

/** The client that the options describe; without options that of the provider, or a new one. */
export function useClient(options: ConnectionOptions = {}): CountersignClient {
  const shared = useContext(Context);
  const { client, baseUrl, token, fetch: send, credentials, timeout, retries } = options;
  // A function may be a new one in each rendering. That makes no new client.
  const latest = useRef({ token, send });
  useEffect(() => {
    latest.current = { token, send };
  });
  const isOwn = Object.values(options).some((value) => value !== undefined);
  const tokenText = typeof token === "string" ? token : null;
  return useMemo(() => {
    if (client !== undefined) return client;
    if (!isOwn && shared !== null) return shared;
    const made: ClientOptions = {
      token: () => {
        const { token } = latest.current;
        return typeof token === "function" ? token() : tokenText;
      },
      fetch: (...request) => (latest.current.send ?? globalThis.fetch)(...request),
    };
    if (baseUrl !== undefined) made.baseUrl = baseUrl;
    if (credentials !== undefined) made.credentials = credentials;
    if (timeout !== undefined) made.timeout = timeout;
    if (retries !== undefined) made.retries = retries;
    return createClient(made);
  }, [client, isOwn, shared, baseUrl, tokenText, credentials, timeout, retries]);
}
