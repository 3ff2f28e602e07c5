"use client";

import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import {
  ProblemError,
  watchExecution,
  type Action,
  type Checkpoint,
  type ExecuteRequest,
  type ExecutionDetail,
  type ExecutionResult,
  type ExecutionState,
  type ExecutionStatus,
  type FeedbackReceived,
  type FeedbackRequest,
  type Link,
} from "../client/index.js";
import { uniqueKey } from "../client/timing.js";
import { useClient, type ConnectionOptions } from "./context.js";
import { rememberedDetails, type DecisionDetails } from "./details.js";
import { next, nothing, type ElsewhereDecision } from "./workflow.js";

export interface WorkflowOptions extends ConnectionOptions {
  /** Follow this execution, for example after a reload. */
  executionId?: string | null;
  /** Called when an execution has started, for example to keep its id in the page's address. */
  onStart?: (executionId: string) => void;
}

export interface Workflow {
  /** Start a crew and follow it. If that fails, it returns null and `error` says why. */
  startExecution(request: ExecuteRequest): Promise<ExecutionStatus | null>;
  /**
   * What waits for a decision. If it was decided elsewhere, its `status` is no longer `pending`,
   * and it stays until the next checkpoint waits.
   */
  checkpoint: Checkpoint | null;
  /** Decide. Rejects with a ProblemError, which CheckpointApproval shows. */
  submitFeedback(
    checkpointId: string,
    action: Action,
    feedback?: string,
    details?: DecisionDetails,
  ): Promise<FeedbackReceived>;

  executionId: string | null;
  /** The state of the execution, in a word. */
  status: ExecutionState | null;
  execution: ExecutionStatus | null;
  result: ExecutionResult | null;
  /** Why nothing could be started or followed, or why the run failed. */
  error: Error | null;
  /** While a start, or the first answer about an execution, is awaited. */
  loading: boolean;
  submitting: boolean;
  /** How changes arrive; null while nothing is followed. */
  connection: Link | null;
  /** The decision that was made elsewhere at `checkpoint`. */
  decidedElsewhere: ElsewhereDecision | null;
  /** Follow another execution. */
  resume(executionId: string): void;
  /** Follow nothing. The execution goes on. */
  reset(): void;
  cancel(): Promise<ExecutionDetail>;
  retry(): Promise<ExecutionDetail>;
}

/** Starts a crew, follows it by events, and sends the decisions about it. */
export function useHITLWorkflow(options: WorkflowOptions = {}): Workflow {
  const { executionId: followed, onStart, ...connection } = options;
  const client = useClient(connection);
  const [state, take] = useReducer(next, followed ?? null, nothing);
  const { executionId } = state;
  const decided = useRef(new Set<string>());
  const underWay = useRef(new Map<string, Promise<unknown>>());
  const keys = useRef(new Map<string, { sent: string; key: string }>());
  const latest = useRef({ state, onStart });
  useEffect(() => {
    latest.current = { state, onStart };
  });

  useEffect(() => {
    if (followed !== undefined) take({ type: "follow", executionId: followed });
  }, [followed]);

  const [round, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (executionId === null) return;
    const controller = new AbortController();
    const { signal } = controller;
    const own = decided.current;
    watchExecution(client, executionId, {
      signal,
      onSnapshot: (snapshot) => take({ type: "snapshot", snapshot, own }),
      onEvent: (event) => take({ type: "event", event }),
      onLink: (link) => take({ type: "link", link }),
    })
      .catch((reason: unknown) => {
        if (!signal.aborted) take({ type: "failed", error: asProblem(reason) });
      })
      .finally(() => {
        if (!signal.aborted) take({ type: "link", link: null });
      });
    return () => controller.abort();
  }, [client, executionId, round]);

  /** The same call, if it is still under way: a double click does a thing once. */
  const once = useCallback(<T>(name: string, call: () => Promise<T>): Promise<T> => {
    const running = underWay.current.get(name) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const started = call().finally(() => underWay.current.delete(name));
    underWay.current.set(name, started);
    return started;
  }, []);

  /**
   * Send something under a key. If no answer tells what became of it, the same thing has the same key
   * next time, so that it is carried out once. The server repeats its answers to a key, so after one
   * the next has another.
   */
  const keyed = useCallback(
    async <T>(name: string, body: unknown, send: (key: string) => Promise<T>): Promise<T> => {
      const sent = JSON.stringify(body);
      const known = keys.current.get(name);
      const key = known?.sent === sent ? known.key : uniqueKey();
      keys.current.set(name, { sent, key });
      try {
        const answer = await send(key);
        keys.current.delete(name);
        return answer;
      } catch (reason) {
        const { passes, retryAfter } = asProblem(reason);
        if (!passes && retryAfter === null) keys.current.delete(name);
        throw reason;
      }
    },
    [],
  );

  const startExecution = useCallback(
    (request: ExecuteRequest) =>
      once("start", async () => {
        take({ type: "starting" });
        try {
          const execution = await keyed("start", request, (idempotencyKey) =>
            client.execute(request, { idempotencyKey }),
          );
          take({ type: "started", execution });
          latest.current.onStart?.(execution.execution_id);
          return execution;
        } catch (reason) {
          take({ type: "failed", error: asProblem(reason) });
          return null;
        }
      }),
    [client, once, keyed],
  );

  const submitFeedback = useCallback<Workflow["submitFeedback"]>(
    (checkpointId, action, feedback, details) =>
      once(checkpointId, async () => {
        const { checkpoint, executionId } = latest.current.state;
        if (executionId === null) throw new Error("No execution is followed.");
        const shown = checkpoint?.checkpoint_id === checkpointId ? checkpoint : null;
        const body: FeedbackRequest = {
          ...(shown && { output_hash: shown.output_hash, ...rememberedDetails(shown) }),
          ...details,
          execution_id: executionId,
          checkpoint_id: checkpointId,
          action,
        };
        if (feedback?.trim()) body.feedback = feedback;
        const own = decided.current;
        take({ type: "submitting", checkpointId });
        try {
          const received = await keyed(checkpointId, body, (idempotencyKey) =>
            client.feedback(body, { idempotencyKey }),
          );
          own.add(checkpointId);
          take({ type: "submitted", checkpointId, own });
          return received;
        } catch (reason) {
          const problem = asProblem(reason);
          const { status, detail } = problem;
          const conflict =
            status === 409 ? { checkpoint_id: checkpointId, action: null, detail } : null;
          take({ type: "refused", conflict, own });
          if (conflict !== null) again();
          throw problem;
        }
      }),
    [client, once, keyed],
  );

  const resume = useCallback((id: string) => take({ type: "follow", executionId: id }), []);
  const reset = useCallback(() => take({ type: "follow", executionId: null }), []);
  const change = useCallback(
    (name: "cancel" | "retry") =>
      once(name, async () => {
        const { executionId } = latest.current.state;
        if (executionId === null) throw new Error("No execution is followed.");
        const execution = await client[name](executionId);
        again();
        return execution;
      }),
    [client, once],
  );
  const cancel = useCallback(() => change("cancel"), [change]);
  const retry = useCallback(() => change("retry"), [change]);

  const { execution, checkpoint, elsewhere, error, link, starting, submitting } = state;
  return useMemo(
    () => ({
      startExecution,
      checkpoint,
      submitFeedback,
      executionId,
      status: execution?.status ?? null,
      execution,
      result: execution?.result ?? null,
      error: error ?? failure(execution),
      loading: starting || (executionId !== null && execution === null && error === null),
      submitting: submitting !== null,
      connection: link,
      decidedElsewhere: elsewhere,
      resume,
      reset,
      cancel,
      retry,
    }),
    [
      startExecution,
      checkpoint,
      submitFeedback,
      executionId,
      execution,
      error,
      starting,
      submitting,
      link,
      elsewhere,
      resume,
      reset,
      cancel,
      retry,
    ],
  );
}

function failure(execution: ExecutionStatus | null): Error | null {
  if (execution?.status !== "error") return null;
  return new Error(execution.error ?? "The run failed.");
}

function asProblem(reason: unknown): ProblemError {
  return reason instanceof ProblemError ? reason : ProblemError.unreachable(reason);
}
