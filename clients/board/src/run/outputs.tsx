import { Markdown } from "@countersign/web";
import type { ReactNode } from "react";
import { size } from "../texts";
import { outputBefore, type FileView, type PhaseView, type RunView } from "../views";
import { Difference } from "./difference";

/** What every phase brought, the newest first, with what changed in a revision, and the files. */
export function Outputs({ run }: { run: RunView }): ReactNode {
  const done = run.phases.filter((phase) => (phase.output ?? "") !== "").reverse();
  if (done.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="outputs">
      <h2 id="outputs">Outputs</h2>
      <ol className="outputs">
        {done.map((phase) => (
          <Output key={phase.id} phase={phase} run={run} />
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
        <div className="output">
          <Markdown headingLevel={3}>{text}</Markdown>
        </div>
      </details>
      {before !== null && (
        <Difference
          before={before.output}
          after={text}
          title={`What changed since revision ${before.revision}`}
        />
      )}
      <Files files={phase.files} />
    </li>
  );
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
