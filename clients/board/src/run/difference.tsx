import { useMemo, useState, type ReactNode } from "react";
import { compareLines, type Line } from "../diff";

/** What changed between two texts. It is worked out when somebody opens it. */
export function Difference({
  before,
  after,
  title,
}: {
  before: string;
  after: string;
  title: string;
}): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className="panel difference" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open && <Lines before={before} after={after} />}
    </details>
  );
}

const AROUND = 2;

function Lines({ before, after }: { before: string; after: string }): ReactNode {
  const lines = useMemo(() => compareLines(before, after), [before, after]);
  if (lines.every((line) => line.kind === "same")) return <p>The text is the same.</p>;
  return (
    <div className="lines" dir="auto">
      {shortened(lines).map((line, index) =>
        line === null ? (
          <p key={index} className="line-gap">
            <span aria-hidden="true">⋯</span>
            <span className="unseen">Lines that are the same are left out.</span>
          </p>
        ) : (
          <p key={index} className={`line line-${line.kind}`}>
            {line.pieces.map((piece, at) =>
              piece.kind === "added" ? (
                <ins key={at}>{piece.text}</ins>
              ) : piece.kind === "removed" ? (
                <del key={at}>{piece.text}</del>
              ) : (
                <span key={at}>{piece.text}</span>
              ),
            )}
          </p>
        ),
      )}
    </div>
  );
}

/** The changed lines with a few around them; null stands for what is left out. */
function shortened(lines: readonly Line[]): (Line | null)[] {
  const isNear = (at: number): boolean =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((line) => line.kind !== "same");
  const shown: (Line | null)[] = [];
  lines.forEach((line, at) => {
    if (isNear(at)) shown.push(line);
    else if (shown.at(-1) !== null) shown.push(null);
  });
  return shown;
}
