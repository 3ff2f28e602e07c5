/** Wait, or return early if the signal is aborted. Never throws. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** How long to wait before the next try: twice as long each time, and a little different. */
export function backoff(failures: number, first = 300, most = 30_000): number {
  return Math.min(most, first * 2 ** Math.min(failures, 20)) * (0.75 + Math.random() / 2);
}

/** An AbortController that is aborted when the signal is. `release` ends the connection. */
export function linked(signal?: AbortSignal): { controller: AbortController; release(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { controller, release: () => signal?.removeEventListener("abort", abort) };
}

/** Random and unique. It is no secret, so it does without `crypto` in Node 18. */
export function uniqueKey(): string {
  const bytes = new Uint8Array(16);
  const { crypto } = globalThis as { crypto?: Crypto };
  if (crypto === undefined) bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  else crypto.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
