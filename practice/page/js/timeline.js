// An ordered list of messages by their ts, the ephemeral ones among them.

const keyOf = (message) => `${message.ephemeral ? "e" : ""}${message.ts}`;

export class Timeline {
  constructor(messages = []) {
    this.byKey = new Map();
    for (const message of messages) this.put(message);
  }

  /** True when it was not there before. */
  put(message) {
    const key = keyOf(message);
    const isNew = !this.byKey.has(key);
    this.byKey.set(key, message);
    return isNew;
  }

  find(ts) {
    return this.byKey.get(ts) ?? null;
  }

  remove(ts) {
    const there = this.byKey.delete(ts);
    return this.byKey.delete(`e${ts}`) || there;
  }

  sorted() {
    return [...this.byKey.values()].sort((one, other) => Number(one.ts) - Number(other.ts));
  }
}
