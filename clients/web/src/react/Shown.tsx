"use client";

import { useEffect, useState, type ReactNode } from "react";
import type { Checkpoint, TaskOutput } from "../client/index.js";
import type { Labels } from "./labels.js";
import { Markdown } from "./Markdown.js";

export interface ShownProps {
  checkpoint: Checkpoint;
  headingLevel: number;
  labels: Labels;
  renderMarkdown?: ((text: string) => ReactNode) | undefined;
}

/** What is decided about: all of it, because what continues is what was shown. */
export function Shown({ checkpoint, headingLevel, labels, renderMarkdown }: ShownProps): ReactNode {
  const { output, task_outputs: tasks, feedback } = checkpoint.context;
  const Heading = `h${Math.min(6, headingLevel + 1)}` as "h6";
  const markdown = (text: string): ReactNode =>
    renderMarkdown?.(text) ?? (
      <Markdown headingLevel={headingLevel + 1} labels={labels}>
        {text}
      </Markdown>
    );
  const isInTasks = tasks.length > 1 && tasks.some((task) => task.output === output);
  const data = tasks.filter((task) => task.structured !== undefined);
  return (
    <>
      {feedback !== null && (
        <div className="cs-asked">
          <Heading>{labels.asked}</Heading>
          <blockquote dir="auto">{feedback}</blockquote>
        </div>
      )}
      {tasks.length > 1 &&
        tasks.map((task, index) => (
          <div className="cs-output" key={index}>
            <Heading>{labels.task(task.task, task.agent)}</Heading>
            {markdown(task.output)}
          </div>
        ))}
      {!isInTasks && (
        <div className="cs-output">
          <Heading>{labels.output}</Heading>
          {output.trim() === "" ? <p>{labels.noOutput}</p> : markdown(output)}
        </div>
      )}
      {data.map((task, index) => (
        <Structured key={index} task={task} labels={labels} />
      ))}
      {checkpoint.files.length > 0 && (
        <div className="cs-files">
          <Heading>{labels.files}</Heading>
          <ul>
            {checkpoint.files.map((file) => (
              <li key={file.path}>{labels.file(file.path, size(file.size), file.deleted)}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function Structured({ task, labels }: { task: TaskOutput; labels: Labels }): ReactNode {
  return (
    <details className="cs-structured">
      <summary>
        {labels.structured}: {task.task}
      </summary>
      <pre className="cs-scroll" tabIndex={0}>
        {JSON.stringify(task.structured, null, 2)}
      </pre>
    </details>
  );
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes / 1e5) / 10} MB`;
}

export interface DeadlineProps {
  checkpoint: Checkpoint;
  labels: Labels;
  locale: string | undefined;
}

/** Until when a decision is possible, in the reader's own time. */
export function Deadline({ checkpoint, labels, locale }: DeadlineProps): ReactNode {
  const { deadline, on_timeout: then } = checkpoint;
  // The server does not know the reader's time zone, so the first rendering is in UTC.
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    const look = (): void => setNow(Date.now());
    look();
    const timer = setInterval(look, 15_000);
    return () => clearInterval(timer);
  }, [deadline]);
  if (deadline === null) return null;
  const at = new Date(deadline);
  const isPast = now !== null && at.getTime() <= now;
  return (
    <p className="cs-deadline">
      {isPast ? labels.deadlinePassed : labels.deadline}{" "}
      <time dateTime={deadline}>{now === null ? utc(at) : local(at, now, locale)}</time>
      {then !== null && labels.onTimeout[then] !== undefined && `, ${labels.onTimeout[then]}`}
    </p>
  );
}

function utc(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

function local(at: Date, now: number, locale: string | undefined): string {
  const date = at.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
  const left = at.getTime() - now;
  const [unit, length] = UNITS.find(([, each]) => Math.abs(left) >= 2 * each) ?? UNITS[2];
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  return `${date} (${relative.format(Math.trunc(left / length), unit)})`;
}
