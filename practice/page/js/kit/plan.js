// A plan block and its task cards.
import { h, svg } from "../dom.js";
import { richText } from "../text/richtext.js";
import { link } from "../text/links.js";
import { withEmoji } from "../text/emoji.js";

const STATUS = {
  pending: { words: "to do", paths: ["M12 3a9 9 0 100 18 9 9 0 000-18z"] },
  in_progress: { words: "in progress", paths: ["M12 3a9 9 0 11-9 9"] },
  complete: { words: "done", paths: ["M12 3a9 9 0 100 18 9 9 0 000-18z", "M8 12.500l3 3 5-6"] },
  error: {
    words: "failed",
    paths: ["M12 3a9 9 0 100 18 9 9 0 000-18z", "M12 8v4.500", "M12 16v.01"],
  },
};

export function planBlock(block, surface) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((task) => task.status === "complete").length;
  const plan = h("details", { class: "k-plan", open: surface.isPlanOpen(block.block_id) });
  plan.addEventListener("toggle", () => surface.planToggled(block.block_id, plan.open));
  plan.append(
    h(
      "summary",
      { class: "k-plan-title" },
      h("span", {}, withEmoji(block.title ?? "")),
      h("span", { class: "k-plan-count" }, `${done} of ${tasks.length} done`),
    ),
    h(
      "ol",
      { class: "k-tasks" },
      tasks.map((task) => h("li", {}, taskCard(task, surface))),
    ),
  );
  return plan;
}

export function taskCard(task, surface) {
  const status = STATUS[task.status] ?? STATUS.pending;
  const mark = h(
    "span",
    { class: `k-task-mark k-task-${task.status}` },
    svg(status.paths, { size: 18, label: status.words }),
  );
  const title = h("span", { class: "k-task-title" }, withEmoji(task.title ?? ""));
  const inner = [
    task.details
      ? h("div", { class: "k-task-details prose" }, richText(task.details, surface.names))
      : null,
    task.output
      ? h("div", { class: "k-task-output prose" }, richText(task.output, surface.names))
      : null,
    task.sources?.length
      ? h(
          "div",
          { class: "k-task-sources" },
          task.sources.map((source) => link(source.url ?? "", source.text ?? "")),
        )
      : null,
  ].filter((part) => part !== null);
  if (inner.length === 0)
    return h("div", { class: "k-task", data: { status: task.status } }, mark, title);
  const open = task.status === "in_progress" || task.status === "error";
  return h(
    "details",
    { class: "k-task", open, data: { status: task.status } },
    h("summary", {}, mark, title),
    h("div", { class: "k-task-inner" }, inner),
  );
}
