export { createClient } from "./client.js";
export type { CountersignClient, PageOptions, PollOptions, Polled, WriteOptions } from "./client.js";
export type { Connection, EventsOptions } from "./events.js";
export { ProblemError } from "./problem.js";
export { SseParser, type SseMessage } from "./sse.js";
export type { ClientOptions, RequestOptions } from "./transport.js";
export type * from "./types.js";
