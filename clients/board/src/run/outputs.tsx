import type { ExecutionDetail, PhaseRun } from "@countersign/web";
import type { ReactNode } from "react";
import { Text } from "../text";
import { size } from "../texts";
import { filesOf, outputBefore } from "../views";
import { Difference } from "./difference";

/** What every phase brought, the newest first, with what changed in a revision, and the files. */
export function Outputs({ run }: { run: ExecutionDetail }): ReactNode {
  const done = run.runs.filter((phase) => (phase.output ?? "") !== "").reverse();
  if (done.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="outputs">
      <h2 id="outputs">Outputs</h2>
      <ol className="outputs">
        {done.map((phase) => (
          <Output key={`${phase.phase} ${phase.revision} ${phase.attempt}`} phase={phase} run={run} />
        ))}
      </ol>
    </section>
  );
}

function Output({ phase, run }: { phase: PhaseRun; run: ExecutionDetail }): ReactNode {
  const before = outputBefore(run, phase);
  const text = phase.output ?? "";
  return (
    <li>
      <details>
        <summary>
          <h3>
            {phase.phase}
            {phase.revision > 1 && `, revision ${phase.revision}`}
          </h3>
        </summary>
        {outputs(phase).map(({ name, text }, index) => (
          <div key={index}>
            {name !== "" && <h4>{name}</h4>}
            <div className="output">
              <Text below={name === "" ? 3 : 4}>{text}</Text>
            </div>
          </div>
        ))}
      </details>
      {before !== null && (
        <Difference
          before={before.output}
          after={text}
          title={`What changed since revision ${before.revision}`}
        />
      )}
      <Files files={filesOf(run, phase)} />
    </li>
  );
}

/** The text of a phase; if it has several tasks, that of each. */
function outputs(phase: PhaseRun): { name: string; text: string }[] {
  if (phase.task_outputs.length < 2) return [{ name: "", text: phase.output ?? "" }];
  return phase.task_outputs.map(({ task, agent, output }) => ({
    name: agent === "" ? task : `${task}, by ${agent}`,
    text: output,
  }));
}

function Files({ files }: { files: ReturnType<typeof filesOf> }): ReactNode {
  if (files.length === 0) return null;
  return (
    <details>
      <summary>Files ({files.length})</summary>
      <ul className="files">
        {files.map((file) => (
          <li key={file.path}>
            <span className="mono">{file.path}</span>{" "}
            <span className="muted">
              {file.deleted ? "deleted" : size(file.size)}
              {!file.kept && ", too large to publish"}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
