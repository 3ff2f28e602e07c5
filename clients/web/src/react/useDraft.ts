"use client";

import { useCallback, useEffect, useState } from "react";

/**
 * Words that are kept until they have been sent: over errors, and over a reload of the page.
 *
 * They stay when the checkpoint changes while they are being typed.
 */
export function useDraft(checkpointId: string): [string, (words: string) => void] {
  const [words, setWords] = useState("");
  useEffect(() => {
    const kept = read(checkpointId);
    if (kept !== "") setWords((typed) => (typed === "" ? kept : typed));
  }, [checkpointId]);
  const change = useCallback(
    (text: string) => {
      setWords(text);
      write(checkpointId, text);
    },
    [checkpointId],
  );
  return [words, change];
}

const name = (checkpointId: string): string => `countersign:${checkpointId}`;

function read(checkpointId: string): string {
  try {
    return sessionStorage.getItem(name(checkpointId)) ?? "";
  } catch {
    return ""; // a page may be refused its storage
  }
}

function write(checkpointId: string, words: string): void {
  try {
    if (words === "") sessionStorage.removeItem(name(checkpointId));
    else sessionStorage.setItem(name(checkpointId), words);
  } catch {
    // Then they are kept as long as the page is.
  }
}
