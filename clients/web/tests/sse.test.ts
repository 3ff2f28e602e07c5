// @vitest-environment node
import { expect, test } from "vitest";
import { SseParser, type SseMessage } from "../src/client/sse.js";

const STREAM =
  "\uFEFF: hello\r\n\r\nid: 1\r\nevent: phase.started\r\ndata: {\"é\":\r\ndata: 1}\r\n\r\n" +
  "retry: 2500\rid: 2\rdata: two\r\r" +
  ":\n\ndata\n\nid: 3\ndata:  three: 3\nunknown: x\n\nid: 4\ndata: not yet";

const MESSAGES: SseMessage[] = [
  { id: "1", event: "phase.started", data: '{"é":\n1}' },
  { id: "2", event: "message", data: "two" },
  { id: "2", event: "message", data: "" },
  { id: "3", event: "message", data: " three: 3" },
];

test("a stream has the same messages wherever its bytes are cut", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (let first = 0; first <= bytes.length; first += 1) {
    for (const second of [first, first + 1, Math.min(first + 7, bytes.length)]) {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const parser = new SseParser();
      const pieces = [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)];
      const messages = pieces.flatMap((piece) =>
        parser.push(decoder.decode(piece, { stream: true })),
      );
      expect(messages, `cut at ${first} and ${second}`).toEqual(MESSAGES);
      expect(parser.retry).toBe(2500);
    }
  }
});

test("an id with a null character changes nothing", () => {
  const parser = new SseParser("7");
  expect(parser.push("id: 8\0\ndata: x\n\n")).toEqual([{ id: "7", event: "message", data: "x" }]);
});
