import type { ExecutionDetail } from "@countersign/web";
import { useCallback, useState, type ReactNode } from "react";
import { useApi } from "../api";
import { useLoaded } from "../loading";
import { Shown } from "../parts";
import { Text } from "../text";

/** The result, to read, copy and download. */
export function Result({ run }: { run: ExecutionDetail }): ReactNode {
  const client = useApi();
  const loaded = useLoaded(
    `result ${run.execution_id}`,
    useCallback(
      async (signal: AbortSignal) => await client.result(run.execution_id, { signal }),
      [client, run.execution_id],
    ),
    (event) => event.execution_id === run.execution_id,
  );
  return (
    <section className="panel" aria-labelledby="result">
      <h2 id="result">Result</h2>
      <Shown loaded={loaded} missing="The run has no result.">
        {(text) => (
          <>
            <Take text={text} name={`${run.crew}-${run.execution_id.slice(0, 8)}.md`} />
            <div className="output">
              <Text below={2}>{text}</Text>
            </div>
          </>
        )}
      </Shown>
    </section>
  );
}

function Take({ text, name }: { text: string; name: string }): ReactNode {
  const [said, say] = useState("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("The browser did not allow it. Download it instead.");
    }
  };
  const download = (): void => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return (
    <p className="take">
      <button type="button" className="button" onClick={() => void copy()}>
        Copy
      </button>
      <button type="button" className="button" onClick={download}>
        Download
      </button>
      <span role="status" className="muted">
        {said}
      </span>
    </p>
  );
}
