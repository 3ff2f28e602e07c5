export * from "./client/index.js";
export {
  CheckpointApproval,
  type CheckpointApprovalProps,
} from "./react/CheckpointApproval.js";
export {
  CountersignProvider,
  useClient,
  type ConnectionOptions,
} from "./react/context.js";
export type { DecisionDetails } from "./react/details.js";
export { ENGLISH, type Labels, type PartialLabels } from "./react/labels.js";
export { Markdown, type MarkdownProps } from "./react/Markdown.js";
export { useHITLWorkflow, type Workflow, type WorkflowOptions } from "./react/useHITLWorkflow.js";
export type { ElsewhereDecision } from "./react/workflow.js";
