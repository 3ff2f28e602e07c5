import { ProblemError, type ExecutionEvent } from "@countersign/web";
import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import { useLive } from "./live";

export interface Loaded<T> {
  /** What was loaded last. It stays while it is loaded again, and if that fails. */
  data: T | null;
  error: ProblemError | null;
  reload: () => void;
}

/** Called when the server says that nobody is signed in. */
export const SignedOutContext = createContext<() => void>(() => undefined);

/** Called with whether the server could be reached. */
export const ReachedContext = createContext<(reached: boolean) => void>(() => undefined);

const AGAIN = 3000;

/**
 * Load something, and load it again when an event may have changed it.
 *
 * `key` says what is loaded: with another one, the old thing is not shown.
 */
export function useLoaded<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  concerns: (event: ExecutionEvent) => boolean = () => true,
): Loaded<T> {
  const { live } = useLive();
  const signedOut = useContext(SignedOutContext);
  const reached = useContext(ReachedContext);
  const [state, setState] = useState<{ key: string; data: T | null; error: ProblemError | null }>({
    key,
    data: null,
    error: null,
  });
  const latest = useRef({ load, concerns });
  useEffect(() => {
    latest.current = { load, concerns };
  });
  const start = useRef<() => void>(() => undefined);
  const reload = useCallback(() => start.current(), []);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let isLoading = false;
    let isOutdated = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async (): Promise<void> => {
      if (isLoading) {
        isOutdated = true;
        return;
      }
      isLoading = true;
      clearTimeout(timer);
      do {
        isOutdated = false;
        try {
          const data = await latest.current.load(signal);
          if (signal.aborted) return;
          reached(true);
          setState({ key, data, error: null });
        } catch (reason) {
          if (signal.aborted) return;
          const error = asProblem(reason);
          if (error.status === 401) signedOut();
          reached(error.status !== 0);
          setState((before) => ({ key, data: before.key === key ? before.data : null, error }));
          if (error.passes) timer = setTimeout(() => void run(), AGAIN);
        }
      } while (isOutdated && !signal.aborted);
      isLoading = false;
    };
    start.current = () => void run();
    void run();
    const unsubscribe = live.subscribe((event) => {
      if (event === null || latest.current.concerns(event)) void run();
    });
    return () => {
      controller.abort();
      clearTimeout(timer);
      unsubscribe();
    };
  }, [key, live, signedOut, reached]);

  const isCurrent = state.key === key;
  return {
    data: isCurrent ? state.data : null,
    error: isCurrent ? state.error : null,
    reload,
  };
}

export function asProblem(reason: unknown): ProblemError {
  return reason instanceof ProblemError ? reason : ProblemError.unreachable(reason);
}
