import type { Checkpoint, FeedbackRequest } from "../client/index.js";

/** What a decision consists of beside its action and words. */
export type DecisionDetails = Pick<
  Partial<FeedbackRequest>,
  "outcome" | "values" | "edited" | "use_revision" | "output_hash"
>;

const chosen = new WeakMap<Checkpoint, DecisionDetails>();

/**
 * Remember what was chosen at this checkpoint, for the hook that it came from.
 *
 * So outcomes and forms also work where `onSubmit` hands on the action and the words alone.
 */
export function rememberDetails(checkpoint: Checkpoint, details: DecisionDetails): void {
  chosen.set(checkpoint, details);
}

export function rememberedDetails(checkpoint: Checkpoint): DecisionDetails {
  return chosen.get(checkpoint) ?? {};
}
