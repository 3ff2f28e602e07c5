// @vitest-environment node
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, watchExecution, type Link } from "../src/client/index.js";
import { Api } from "./api.js";
import { problem } from "./server.js";

let api: Api;
beforeEach(async () => {
  api = await new Api().start();
});
afterEach(() => api.server.stop());

/** Follow e1, and decide as soon as a checkpoint waits. */
async function follow(onLink: (link: Link) => void = () => undefined): Promise<string[]> {
  const seen: string[] = [];
  const client = createClient({ baseUrl: api.server.address, retries: 0 });
  await watchExecution(client, "e1", {
    grace: 40,
    interval: 20,
    onLink,
    onSnapshot: ({ execution, checkpoint }) => {
      seen.push(`${execution.status} ${checkpoint?.checkpoint_id ?? "-"}`);
      if (execution.status === "pending") setTimeout(() => api.ask(), 80);
      if (checkpoint !== null) setTimeout(() => api.decide("continue"), 80);
    },
  });
  return seen;
}

const RUN = ["pending -", "waiting_feedback c1", "completed -"];

test("by events a run is asked for once for each change", async () => {
  const links: Link[] = [];
  expect(await follow((link) => links.push(link))).toEqual(RUN);
  expect(links).toEqual(["connecting", "live"]);
});

test.each(["silent", "refused"] as const)(
  "where streams are %s the status is polled, and nothing else differs",
  async (streams) => {
    api.streams = streams;
    const links: Link[] = [];
    expect(await follow((link) => links.push(link))).toEqual(RUN);
    expect(links).toEqual(["connecting", "polling"]);
    expect(api.paths).toContain("/api/crew/status/e1?wait=25");
  },
);

test("it ends with the error when the server refuses, and goes on when it is away", async () => {
  const links: Link[] = [];
  let answers = 0;
  api.server.handle((request, response) => {
    if (request.path.endsWith("/events")) return problem(response, 404, "nothing here");
    answers += 1;
    return problem(response, answers === 1 ? 503 : 404, "nothing here");
  });
  await expect(follow((link) => links.push(link))).rejects.toMatchObject({ status: 404 });
  expect(links).toEqual(["connecting", "offline"]);
});
