import type { ReactNode } from "react";
import { Text } from "../text";
import { size } from "../texts";
import { outputBefore, type FileView, type PhaseView, type RunView } from "../views";
import { Difference } from "./difference";

/** What every phase brought, the newest first, with what changed in a revision, and the files. */
export function Outputs({ run }: { run: RunView }): ReactNode {
  const done = run.runs.filter((phase) => (phase.output ?? "") !== "").reverse();
  if (done.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="outputs">
      <h2 id="outputs">Outputs</h2>
      <ol className="outputs">
        {done.map((phase) => (
          <Output key={phase.key} phase={phase} run={run} />
        ))}
      </ol>
    </section>
  );
}

function Output({ phase, run }: { phase: PhaseView; run: RunView }): ReactNode {
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
function outputs(phase: PhaseView): { name: string; text: string }[] {
  if (phase.tasks.length < 2) return [{ name: "", text: phase.output ?? "" }];
  return phase.tasks.map(({ task, agent, output }) => ({
    name: agent === "" ? task : `${task}, by ${agent}`,
    text: output,
  }));
}

/** The files that the phase wrote, as the checkpoint after it shows them. */
function filesOf(run: RunView, { phase, revision }: PhaseView): readonly FileView[] {
  const after = run.checkpoints.findLast(
    (each) => each.phase === phase && each.revision === revision,
  );
  return after?.files ?? [];
}

function Files({ files }: { files: readonly FileView[] }): ReactNode {
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
