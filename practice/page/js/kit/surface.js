// The surface that blocks are shown on: a message, a modal or the Home tab.

/**
 * Keeps the entered values, by block and action, across re-renders, and sends interactions.
 * `names` resolves mentions; `send` takes an interaction and returns `{ok, notice?}`.
 */
export class Surface {
  constructor({ names, send }) {
    this.names = names;
    this.send = send;
    this.values = new Map();
    this.plans = null;
  }

  /**
   * Whether to show a plan open. As in Slack, an update folds it up unless its block_id stays the
   * same; the first plan of a surface is open.
   */
  isPlanOpen(blockId) {
    const isFirst = this.plans === null;
    this.plans ??= new Map();
    if (!this.plans.has(blockId)) this.plans.set(blockId, isFirst);
    return this.plans.get(blockId);
  }

  planToggled(blockId, open) {
    this.plans.set(blockId, open);
  }

  entered(blockId, actionId) {
    return this.values.get(`${blockId}\n${actionId}`)?.value;
  }

  enter(blockId, actionId, value) {
    this.values.set(`${blockId}\n${actionId}`, { blockId, actionId, value });
  }

  /** Forget the values of blocks that are no longer shown. */
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

  act(block, element, entry) {
    return this.send({
      block_id: block.block_id ?? "",
      action_id: element.action_id ?? "",
      type: element.type,
      ...entry,
      state: { values: this.stateValues() },
    });
  }
}
