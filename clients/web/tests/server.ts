import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
}

export type Handler = (request: Received, response: ServerResponse) => void | Promise<void>;

/** A real HTTP server whose answers a test scripts. It keeps the requests that it received. */
export class TestServer {
  readonly received: Received[] = [];
  private handler: Handler = (_, response) => void response.writeHead(404).end();
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => void this.take(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  handle(handler: Handler): void {
    this.handler = handler;
  }

  /** Answer one request after the other so. */
  script(...handlers: Handler[]): void {
    this.handler = (request, response) => {
      const next = handlers.shift();
      if (next === undefined) throw new Error(`one request too many: ${request.path}`);
      return next(request, response);
    };
  }

  /** Cut all connections. */
  cut(): void {
    this.server.closeAllConnections();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const received: Received = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: text === "" ? null : JSON.parse(text),
    };
    this.received.push(received);
    await this.handler(received, response);
  }
}

export function json(response: ServerResponse, body: unknown, status = 200, headers = {}): void {
  response
    .writeHead(status, { "Content-Type": "application/json", ...headers })
    .end(JSON.stringify(body));
}

export function problem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers = {},
): void {
  response
    .writeHead(status, { "Content-Type": "application/problem+json", ...headers })
    .end(JSON.stringify({ type: "about:blank", title: `Problem ${status}`, status, detail }));
}

/** Begin a stream of events, with these pieces. It stays open. */
export function stream(response: ServerResponse, ...pieces: string[]): void {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.flushHeaders();
  for (const piece of pieces) response.write(piece);
}

export function message(id: number, type: string, executionId = "e1", more: object = {}): string {
  const data = { type, execution_id: executionId, at: "2026-01-01T00:00:00Z", status: "running" };
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ ...data, ...more })}\n\n`;
}
