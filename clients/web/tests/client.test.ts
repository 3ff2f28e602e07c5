// @vitest-environment node
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, ProblemError, type ClientOptions } from "../src/client/index.js";
import { json, problem, TestServer } from "./server.js";

let server: TestServer;
beforeEach(async () => {
  server = await new TestServer().start();
});
afterEach(() => server.stop());

const client = (options: ClientOptions = {}) =>
  createClient({ baseUrl: server.address, ...options });

test("a start that the server was too busy for is sent again under the same key", async () => {
  server.script(
    (_, response) => problem(response, 503, "the database is busy", { "Retry-After": "0" }),
    (_, response) => void response.destroy(),
    (_, response) => json(response, { execution_id: "e1", status: "pending" }),
  );
  const started = await client().execute({ message: "a plan" });
  expect(started.execution_id).toBe("e1");
  expect(server.received.map((each) => each.body)).toEqual(Array(3).fill({ message: "a plan" }));
  const keys = new Set(server.received.map((each) => each.headers["idempotency-key"]));
  expect(keys.size).toBe(1);
  expect([...keys][0]).toMatch(/^[0-9a-f]{32}$/);
});

test("a request that is still being carried out is asked for again; another conflict is not", async () => {
  server.script(
    (_, response) => problem(response, 409, "under way", { "Retry-After": "0" }),
    (_, response) => problem(response, 409, "checkpoint 'look' was already continued by Maria"),
  );
  const decision = { execution_id: "e1", checkpoint_id: "c1", action: "continue" } as const;
  await expect(client().feedback(decision)).rejects.toMatchObject({
    name: "ProblemError",
    status: 409,
    title: "Problem 409",
    detail: "checkpoint 'look' was already continued by Maria",
  });
  expect(server.received).toHaveLength(2);
});

test("a refusal is told at once, as a proxy's page too", async () => {
  server.script(
    (_, response) => problem(response, 403, "the token lacks the scope 'decide'"),
    (_, response) => void response.writeHead(500).end("<h1>Oh</h1>"),
  );
  await expect(client().status("e1")).rejects.toThrow("the token lacks the scope 'decide'");
  await expect(client().status("e1")).rejects.toMatchObject({
    status: 500,
    title: "Internal Server Error",
    detail: "The server answered 500.",
  });
});

test("a server that is not there, or does not answer, is a problem without a status", async () => {
  server.handle(() => undefined);
  await expect(client({ timeout: 50, retries: 0 }).crews()).rejects.toMatchObject({
    status: 0,
    detail: "The server did not answer in time.",
  });
  const nobody = createClient({ baseUrl: "http://127.0.0.1:1", retries: 0 });
  const error = await nobody.crews().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ status: 0, detail: "The server cannot be reached.", passes: true });
});

test("an aborted call ends with the signal's reason, and is not sent again", async () => {
  server.handle(() => undefined);
  const controller = new AbortController();
  const call = client().status("e1", { signal: controller.signal });
  controller.abort(new Error("gone"));
  await expect(call).rejects.toThrow("gone");
  expect(server.received.length).toBeLessThanOrEqual(1);
});

test("the base URL may have a prefix, and the token may come from a function", async () => {
  server.handle((_, response) => json(response, { items: [], next: null }));
  const calls = client({ baseUrl: `${server.address}/sign/off/`, token: async () => "cs_1" });
  await calls.executions({ status: ["running", "error"], limit: 5 });
  await calls.waiting();
  await calls.cancel("a/b");
  expect(server.received.map((each) => `${each.method} ${each.path}`)).toEqual([
    "GET /sign/off/api/executions?status=running&status=error&limit=5",
    "GET /sign/off/api/checkpoints?waiting=true",
    "POST /sign/off/api/executions/a%2Fb/cancel",
  ]);
  for (const { headers } of server.received) expect(headers.authorization).toBe("Bearer cs_1");
  expect(server.received[2]?.headers["content-type"]).toBe("application/json");
});

test("no checkpoint is null, and an unchanged status too", async () => {
  server.script(
    (_, response) => void response.writeHead(204).end(),
    (_, response) => json(response, { status: "running" }, 200, { ETag: '"1"' }),
    (_, response) => void response.writeHead(304, { ETag: '"1"' }).end(),
  );
  expect(await client().checkpoint("e1")).toBeNull();
  const first = await client().poll("e1", { wait: 20 });
  expect(first).toEqual({ status: { status: "running" }, etag: '"1"' });
  expect(await client().poll("e1", { etag: first.etag, wait: 20 })).toEqual({
    status: null,
    etag: '"1"',
  });
  expect(server.received[2]).toMatchObject({
    path: "/api/crew/status/e1?wait=20",
    headers: { "if-none-match": '"1"' },
  });
});
