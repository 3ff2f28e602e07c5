// @vitest-environment node
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type Connection, type EventsOptions } from "../src/client/index.js";
import { json, message, problem, stream, TestServer } from "./server.js";

let server: TestServer;
beforeEach(async () => {
  server = await new TestServer().start();
});
afterEach(() => server.stop());

const events = (options: EventsOptions = {}) =>
  createClient({ baseUrl: server.address, token: "cs_1" }).events(options);
const QUICKLY = "retry: 5\n\n";

test("lost connections are opened again where they were lost, until the run has ended", async () => {
  const connections: Connection[] = [];
  server.script(
    (_, response) => {
      const second = message(2, "checkpoint.waiting");
      stream(response, QUICKLY, message(1, "execution.started"), second.slice(0, 30));
      setTimeout(() => response.destroy(), 20);
    },
    (_, response) => problem(response, 503, "restarting"),
    (_, response) => void response.destroy(),
    (_, response) => {
      stream(response, message(2, "checkpoint.waiting"), message(3, "execution.completed"));
      response.end();
    },
  );
  const ids: string[] = [];
  for await (const event of events({
    executionId: "e1",
    onConnection: (each) => connections.push(each),
  })) {
    ids.push(`${event.id} ${event.type}`);
  }
  expect(ids).toEqual(["1 execution.started", "2 checkpoint.waiting", "3 execution.completed"]);
  expect(server.received.map((each) => each.headers["last-event-id"])).toEqual([
    undefined,
    "1",
    "1",
    "1",
  ]);
  for (const { path, headers } of server.received) {
    expect(path).toBe("/api/executions/e1/events");
    expect(headers).toMatchObject({ accept: "text/event-stream", authorization: "Bearer cs_1" });
  }
  expect(connections).toEqual(["connecting", "open", "reconnecting", "open", "closed"]);
});

test("where nothing follows any more, the events end", async () => {
  server.script((_, response) => void response.writeHead(204).end());
  expect(await events({ executionId: "e1", lastEventId: "9" }).next()).toEqual({
    done: true,
    value: undefined,
  });
});

test.each([401, 403, 404])("a refusal with %i ends the events with the error", async (status) => {
  server.script((_, response) => problem(response, status, "no"));
  await expect(events().next()).rejects.toMatchObject({ status, detail: "no" });
});

test("heartbeats keep a connection alive, and silence ends it", async () => {
  server.script(
    (_, response) => {
      stream(response, QUICKLY);
      const beat = setInterval(() => response.write(":\n\n"), 50);
      setTimeout(() => {
        clearInterval(beat);
        response.write(message(5, "phase.started"));
      }, 900);
    },
    (_, response) => stream(response, message(6, "phase.started")),
  );
  const started = events({ lastEventId: "4", silence: 700 });
  expect((await started.next()).value).toMatchObject({ id: "5" });
  expect((await started.next()).value).toMatchObject({ id: "6" });
  expect(server.received.map((each) => each.headers["last-event-id"])).toEqual(["4", "5"]);
  await started.return();
});

test("events from now on resume where they began, even before the first has come", async () => {
  server.script(
    (_, response) => {
      stream(response, "retry: 5\nid: 41\n\nid: 4");
      setTimeout(() => response.destroy(), 20);
    },
    (_, response) => stream(response, message(42, "phase.started")),
  );
  const started = events();
  expect((await started.next()).value).toMatchObject({ id: "42" });
  expect(server.received[1]?.headers["last-event-id"]).toBe("41");
  await started.return();
});

test("a page in place of a stream is no event, and is asked for again", async () => {
  server.script(
    (_, response) => json(response, { hello: "proxy" }),
    (_, response) => stream(response, "data: no JSON\n\n", message(1, "phase.started")),
  );
  const started = events();
  expect((await started.next()).value).toMatchObject({ id: "1" });
  await started.return();
});

test("the signal ends the events without an error, and hangs up", async () => {
  const hungUp = new Promise<void>((resolve) => {
    server.handle((_, response) => {
      response.on("close", () => resolve());
      stream(response, message(1, "phase.started"));
    });
  });
  const controller = new AbortController();
  for await (const event of events({ signal: controller.signal })) {
    expect(event.id).toBe("1");
    setTimeout(() => controller.abort(), 10);
  }
  await hungUp;
});
