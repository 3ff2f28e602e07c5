import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  CheckpointApproval,
  CountersignProvider,
  useHITLWorkflow,
  type Workflow,
  type WorkflowOptions,
} from "../src/index.js";
import { Api } from "./api.js";
import { problem } from "./server.js";

let api: Api;
let workflow: Workflow;
beforeEach(async () => {
  api = await new Api().start();
});
afterEach(async () => {
  cleanup();
  sessionStorage.clear();
  await api.server.stop();
});

/** The component of the page that Countersign began from, and what else the hook knows. */
function MyComponent(options: WorkflowOptions) {
  workflow = useHITLWorkflow(options);
  const { startExecution, checkpoint, submitFeedback, status, connection } = workflow;
  return (
    <div>
      <button onClick={() => startExecution({ message: "Create plan" })}>Start</button>
      <p>
        {status} {connection}
      </p>
      <p>{workflow.result?.output}</p>
      {checkpoint && (
        <CheckpointApproval
          checkpoint={checkpoint}
          onSubmit={(action, feedback) =>
            submitFeedback(checkpoint.checkpoint_id, action, feedback)
          }
        />
      )}
    </div>
  );
}

const show = (options: WorkflowOptions = {}) =>
  render(
    <StrictMode>
      <CountersignProvider baseUrl={api.server.address}>
        <MyComponent {...options} />
      </CountersignProvider>
    </StrictMode>,
  );
const press = async (name: string) => userEvent.click(await screen.findByRole("button", { name }));
const feedback = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Feedback" });
const feedbacks = () =>
  api.server.received.filter((each) => each.path === "/api/crew/feedback").map((each) => each.body);

test("a run goes from its start over a revision to its result, by events", async () => {
  show();
  await press("Start");
  await screen.findByText("running live");
  act(() => api.ask({ outcomes: ["publish"] }));
  await userEvent.type(await screen.findByRole("textbox"), "shorter");
  await press("Revise");
  await waitFor(() => expect(screen.queryByRole("textbox")).toBeNull());
  act(() => api.ask({ checkpoint_id: "c2", revision: 2, output_hash: "h2", outcomes: ["publish"] }));
  await userEvent.click(await screen.findByRole("radio", { name: "publish" }));
  await press("Continue");
  await screen.findByText("The result");
  expect(workflow).toMatchObject({ status: "completed", loading: false, error: null });
  const sent = { execution_id: "e1" };
  expect(feedbacks()).toEqual([
    { ...sent, checkpoint_id: "c1", action: "revise", feedback: "shorter", output_hash: "h1" },
    // The outcome comes along although this onSubmit hands on two arguments alone.
    { ...sent, checkpoint_id: "c2", action: "continue", output_hash: "h2", outcome: "publish" },
  ]);
  expect([...api.paths].filter((path) => path.includes("wait"))).toEqual([]);
});

test("a double click starts one run, and sends one decision", async () => {
  show();
  act(() => {
    void workflow.startExecution({ message: "a" });
    void workflow.startExecution({ message: "a" });
  });
  await screen.findByText("running live");
  act(() => api.ask());
  await screen.findByRole("textbox");
  await act(() =>
    Promise.all([
      workflow.submitFeedback("c1", "continue"),
      workflow.submitFeedback("c1", "continue"),
    ]),
  );
  expect(feedbacks()).toHaveLength(1);
  expect(api.server.received.filter((each) => each.path.endsWith("execute"))).toHaveLength(1);
});

test("after a reload the run is followed by its id", async () => {
  api.ask();
  show({ executionId: "e1" });
  expect(workflow.loading).toBe(true);
  expect((await screen.findByRole("heading", { level: 2 })).textContent).toBe("Read the plan");
  expect(workflow).toMatchObject({ executionId: "e1", status: "waiting_feedback" });
});

test("a decision made elsewhere is shown beside the words that were typed", async () => {
  api.ask();
  show({ executionId: "e1" });
  await userEvent.type(await screen.findByRole("textbox"), "my words");
  await screen.findByText("waiting_feedback live");
  act(() => api.decide("revise"));
  await screen.findByText("This was sent back for a revision elsewhere.");
  expect(feedback().value).toBe("my words");
  expect(workflow.decidedElsewhere).toEqual({ checkpoint_id: "c1", action: "revise", detail: null });
  act(() => api.ask({ checkpoint_id: "c2" }));
  await press("Skip");
  expect(api.decisions).toMatchObject([{ checkpoint_id: "c2", action: "skip", feedback: "my words" }]);
});

test("a decision that comes too late says who was faster, and keeps the words", async () => {
  api.streams = "silent";
  api.ask();
  show({ executionId: "e1" });
  await userEvent.type(await screen.findByRole("textbox"), "my words");
  api.decide("continue");
  await press("Revise");
  expect((await screen.findByRole("alert")).textContent).toBe(
    "Nothing was decided: checkpoint 'look' was already continued by Maria",
  );
  await screen.findByText("The result");
  expect(feedback()).toMatchObject({ value: "my words", readOnly: true });
});

test("a decision whose answer was lost is the same decision when it is sent again", async () => {
  api.ask();
  show({ executionId: "e1", retries: 0, baseUrl: api.server.address });
  await userEvent.type(await screen.findByRole("textbox"), "my words");
  api.refuseNext = (response) => void response.destroy();
  await press("Revise");
  await screen.findByText("Nothing was decided: The server cannot be reached.");
  await press("Revise");
  await waitFor(() => expect(workflow.status).toBe("running"));
  const keys = api.server.received.map((each) => each.headers["idempotency-key"]).filter(Boolean);
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});

test("a decision that was refused is asked for anew, because the server repeats its answers", async () => {
  api.ask();
  show({ executionId: "e1" });
  api.refuseNext = (response) => problem(response, 403, "guests may not decide it");
  await press("Skip");
  await screen.findByText("Nothing was decided: guests may not decide it");
  await press("Skip");
  await screen.findByText("The result");
});

test("a server that was away is found again", async () => {
  api.ask();
  show({ executionId: "e1" });
  await screen.findByText("waiting_feedback live");
  api.server.cut();
  act(() => api.decide("continue"));
  await screen.findByText("The result");
});

test("what cannot be started or followed is an error, and the start can be tried again", async () => {
  show({ executionId: "unknown" });
  await waitFor(() => expect(workflow.error?.message).toBe("nothing at /api/crew/status/unknown"));
  expect(workflow.loading).toBe(false);
  const answer = api.server;
  answer.handle((_, response) => problem(response, 400, "no crew 'x'"));
  await act(() => workflow.startExecution({ crew: "x" }));
  expect(workflow.error?.message).toBe("no crew 'x'");
});

test("nothing is followed after the page is gone", async () => {
  api.ask();
  const { unmount } = show({ executionId: "e1" });
  await screen.findByText("waiting_feedback live");
  unmount();
  await waitFor(() => expect(api.openStreams).toBe(0));
  const before = api.server.received.length;
  api.decide("continue");
  await fetch(`${api.server.address}/after`);
  expect(api.server.received).toHaveLength(before + 1);
});

test("a server renders it without asking anything", () => {
  expect(renderToString(<MyComponent executionId="e1" />)).toContain("Start");
  expect(api.server.received).toEqual([]);
});
