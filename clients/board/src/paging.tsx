import { useState, type ReactNode } from "react";

export interface Paging {
  cursor: string | null;
  number: number;
  forth: (cursor: string) => void;
  back: () => void;
}

/** Pages of a list. The server's cursors lead forth only, so those that were used are kept. */
export function usePages(): Paging {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  return {
    cursor: cursors.at(-1) ?? null,
    number: cursors.length + 1,
    forth: (cursor) => setCursors([...cursors, cursor]),
    back: () => setCursors(cursors.slice(0, -1)),
  };
}

export function Pages({ paging, next }: { paging: Paging; next: string | null }): ReactNode {
  if (paging.number === 1 && next === null) return null;
  return (
    <nav className="pages" aria-label="Pages">
      <button type="button" className="button" disabled={paging.number === 1} onClick={paging.back}>
        Previous page
      </button>
      <span className="muted">Page {paging.number}</span>
      <button
        type="button"
        className="button"
        disabled={next === null}
        onClick={() => {
          if (next !== null) paging.forth(next);
        }}
      >
        Next page
      </button>
    </nav>
  );
}
