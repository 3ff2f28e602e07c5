/** One message of a stream of Server-Sent Events. */
export interface SseMessage {
  /** The last event id of the stream when the message came; "" if there was none yet. */
  id: string;
  event: string;
  data: string;
}

/**
 * Parses `text/event-stream` as the HTML standard says, from pieces cut anywhere.
 *
 * Lines end with LF, CR or CRLF. A message without its blank line is not one yet.
 */
export class SseParser {
  /** Milliseconds that the server asks clients to wait before they connect again. */
  retry: number | null = null;
  /** For `Last-Event-ID`: what comes before the next message was complete. */
  lastEventId: string;

  private id: string;
  private line = "";
  private skipLineFeed = false;
  private atStart = true;
  private event = "";
  private data: string[] = [];

  constructor(lastEventId = "") {
    this.lastEventId = lastEventId;
    this.id = lastEventId;
  }

  /** Take the next piece of the stream; return the messages that it completes. */
  push(piece: string): SseMessage[] {
    const messages: SseMessage[] = [];
    if (this.atStart && piece !== "") {
      this.atStart = false;
      piece = piece.replace(/^\uFEFF/, "");
    }
    if (this.skipLineFeed && piece.startsWith("\n")) {
      piece = piece.slice(1);
      this.skipLineFeed = false;
    } else if (piece !== "") {
      this.skipLineFeed = false;
    }
    let from = 0;
    for (const end of piece.matchAll(/\r\n|\r|\n/g)) {
      this.take(this.line + piece.slice(from, end.index), messages);
      this.line = "";
      from = end.index + end[0].length;
      this.skipLineFeed = end[0] === "\r" && from === piece.length;
    }
    this.line += piece.slice(from);
    return messages;
  }

  private take(line: string, messages: SseMessage[]): void {
    if (line === "") {
      this.lastEventId = this.id;
      if (this.data.length > 0) {
        messages.push({
          id: this.id,
          event: this.event || "message",
          data: this.data.join("\n"),
        });
      }
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }
}
