// Messages, including ephemeral ones, ordered by ts.

const keyOf = (message) => `${message.ephemeral ? "e" : ""}${message.ts}`;

export class Timeline {
  constructor(messages = []) {
    this.byKey = new Map();
    for (const message of messages) this.put(message);
  }

  /** Returns true if the message is new. */
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
    const removed = this.byKey.delete(ts);
    return this.byKey.delete(`e${ts}`) || removed;
  }

  sorted() {
    return [...this.byKey.values()].sort((one, other) => Number(one.ts) - Number(other.ts));
  }
}
