// Where blocks are shown (a message, a modal, the Home tab) and what they need from it.

/**
 * Keeps what people entered, by block and action, over re-rendering, and sends what they do.
 * `names` resolves mentions, `send` takes an interaction and answers `{ok, notice?}`.
 */
export class Surface {
  constructor({ names, send, editable = true }) {
    this.names = names;
    this.send = send;
    this.editable = editable;
    this.values = new Map();
  }

  entered(blockId, actionId) {
    return this.values.get(`${blockId}\n${actionId}`)?.value;
  }

  enter(blockId, actionId, value) {
    this.values.set(`${blockId}\n${actionId}`, { blockId, actionId, value });
  }

  /** Forget what belongs to blocks that are shown no more. */
  keepOnly(blockIds) {
    for (const [key, { blockId }] of this.values) {
      if (!blockIds.has(blockId)) this.values.delete(key);
    }
  }

  /** Slack's `state.values`. */
  stateValues() {
    const values = {};
    for (const { blockId, actionId, value } of this.values.values()) {
      values[blockId] = { ...values[blockId], [actionId]: value };
    }
    return values;
  }

  act(block, element, facts) {
    return this.send({
      block_id: block.block_id ?? "",
      action_id: element.action_id ?? "",
      type: element.type,
      ...facts,
      state: { values: this.stateValues() },
    });
  }
}
