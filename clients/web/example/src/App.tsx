import { CheckpointApproval, Markdown, useHITLWorkflow } from "@countersign/web";
import { useState } from "react";

/** The page's address holds the id of the run, so a reload goes on with it. */
function idInAddress(): string | null {
  return new URLSearchParams(location.search).get("run");
}

function keepInAddress(id: string | null): void {
  history.replaceState(null, "", id === null ? location.pathname : `?run=${id}`);
}

const STATES = {
  pending: "It starts soon.",
  running: "The crew is at work.",
  waiting_feedback: "Your decision is needed.",
  completed: "The run is complete.",
  error: "The run failed.",
  cancelled: "The run was cancelled.",
  stopped: "The run was stopped.",
};

const CONNECTIONS = {
  connecting: "connecting…",
  live: "live",
  polling: "live, a little slower",
  offline: "no connection, trying again…",
};

export function App() {
  const [message, setMessage] = useState("");
  const workflow = useHITLWorkflow({ executionId: idInAddress(), onStart: keepInAddress });
  const { startExecution, checkpoint, submitFeedback, status, result, error } = workflow;

  return (
    <main>
      <h1>Ask a crew</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void startExecution({ message });
        }}
      >
        <label htmlFor="message">What should it do?</label>
        <div className="row">
          <input
            id="message"
            value={message}
            onChange={(event) => setMessage(event.target.value)}
            required
          />
          <button disabled={workflow.loading}>Start</button>
        </div>
      </form>

      <p role="status" className="state">
        {status && STATES[status]}{" "}
        {workflow.connection && <small>({CONNECTIONS[workflow.connection]})</small>}
      </p>
      {error && <p role="alert">{error.message}</p>}

      {checkpoint && (
        <CheckpointApproval
          checkpoint={checkpoint}
          onSubmit={(action, feedback) =>
            submitFeedback(checkpoint.checkpoint_id, action, feedback)
          }
        />
      )}

      {result && (
        <section aria-labelledby="result">
          <h2 id="result">Result</h2>
          <Markdown headingLevel={2}>{result.output}</Markdown>
          <button
            type="button"
            onClick={() => {
              keepInAddress(null);
              workflow.reset();
            }}
          >
            Ask for something else
          </button>
        </section>
      )}
    </main>
  );
}
