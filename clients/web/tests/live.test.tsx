import { cleanup, render, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import type { ComponentType } from "react";
import { afterEach, expect, test } from "vitest";
import { createClient, type ExecutionEvent } from "../src/index.js";

const baseUrl = process.env.COUNTERSIGN_URL ?? "http://127.0.0.1:8000";
const client = createClient({ baseUrl });
afterEach(cleanup);

const within = { timeout: 20_000 };

test("the page of the README drives a run of the real API", async () => {
  const { default: Page } = (await import(process.env.README_PAGE ?? "")) as {
    default: ComponentType;
  };
  render(<Page />);
  await userEvent.click(screen.getByRole("button", { name: "Start" }));
  await userEvent.type(await screen.findByLabelText("Feedback", {}, within), "an orchestra");
  await userEvent.click(screen.getByRole("button", { name: "Revise" }));
  await screen.findByText(/Now with: an orchestra/, {}, within);
  await userEvent.type(screen.getByLabelText(/Budget in euros/), "300");
  await userEvent.click(screen.getByRole("button", { name: "Continue" }));
  await screen.findByText(/The plan for .* is out/, {}, within);
});

test("every call of the client is answered as its types say", async () => {
  const events: ExecutionEvent[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const event of client.events({ signal: stop.signal })) events.push(event);
  })();

  expect((await client.crews()).items.map((crew) => crew.name)).toEqual(["plan"]);
  expect((await client.crew("plan")).phases).toEqual(["draft", "publish"]);
  const started = await client.execute({ message: "a walk" });
  const id = started.execution_id;
  expect(started.status).toBe("pending");
  let polled = await client.poll(id);
  while (polled.status?.status !== "waiting_feedback") {
    const { etag } = polled;
    const next = await client.poll(id, { etag, wait: 10 });
    if (next.status !== null) polled = next;
  }
  const checkpoint = await client.checkpoint(id);
  expect(checkpoint).toMatchObject({ checkpoint_name: "look", kind: "phase", status: "pending" });
  const waiting = await client.waiting();
  expect(waiting.items.map((each) => each.checkpoint_id)).toContain(checkpoint?.checkpoint_id);

  const decision = { execution_id: id, checkpoint_id: checkpoint?.checkpoint_id ?? "" };
  const missing = client.feedback({ ...decision, action: "continue" });
  await expect(missing).rejects.toMatchObject({ status: 400, title: "Bad Request" });
  const values = { budget: 20 };
  await client.feedback({ ...decision, action: "continue", values });
  const types: string[] = [];
  for await (const event of client.events({ executionId: id })) types.push(event.type);
  expect(types).toEqual([
    "execution.started",
    "phase.started",
    "checkpoint.waiting",
    "checkpoint.decided",
    "phase.started",
    "execution.completed",
  ]);

  expect(await client.result(id)).toContain("The plan for **a walk** is out.");
  const { items } = await client.executions({ status: ["completed"] });
  expect(items.map((each) => each.execution_id)).toContain(id);
  expect(await client.execution(id)).toMatchObject({ execution_id: id, status: "completed" });
  expect((await client.audit(id)).items.length).toBeGreaterThan(5);
  await expect(client.retry(id)).rejects.toMatchObject({ status: 409 });

  const other = await client.execute({ message: "another" });
  expect((await client.cancel(other.execution_id)).status).toBe("cancelled");
  await expect(client.checkpoint("unknown")).rejects.toMatchObject({ status: 404 });
  stop.abort();
  await listening;
  expect(events.filter((each) => each.execution_id === id).map((each) => each.type)).toEqual(types);
});
