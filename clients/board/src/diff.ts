/** The differences between two texts, line by line, and word by word where lines were changed. */

export interface Piece {
  kind: "same" | "added" | "removed";
  text: string;
}

export interface Line {
  kind: "same" | "added" | "removed" | "changed";
  pieces: Piece[];
}

/** A comparison takes time and memory for one step for each pair of parts. */
const MOST_STEPS = 4_000_000;

export function compareLines(before: string, after: string): Line[] {
  const parts = compare(before.split("\n"), after.split("\n"));
  const lines: Line[] = [];
  for (let at = 0; at < parts.length; ) {
    const { kind, text } = parts[at]!;
    if (kind === "same") {
      lines.push({ kind, pieces: [{ kind, text }] });
      at += 1;
      continue;
    }
    const removed: string[] = [];
    const added: string[] = [];
    for (; at < parts.length && parts[at]!.kind !== "same"; at += 1) {
      (parts[at]!.kind === "removed" ? removed : added).push(parts[at]!.text);
    }
    lines.push(...changes(removed, added));
  }
  return lines;
}

/** Lines that took the place of others are compared word by word if enough of them is the same. */
function changes(removed: readonly string[], added: readonly string[]): Line[] {
  if (removed.length === added.length) {
    const pairs = removed.map((text, index) => compareWords(text, added[index]!));
    if (pairs.every(isAlike)) {
      return pairs.map((pieces) => ({ kind: "changed", pieces }));
    }
  }
  return [
    ...removed.map((text): Line => ({ kind: "removed", pieces: [{ kind: "removed", text }] })),
    ...added.map((text): Line => ({ kind: "added", pieces: [{ kind: "added", text }] })),
  ];
}

function isAlike(pieces: readonly Piece[]): boolean {
  const length = (kind?: string): number =>
    pieces.reduce((sum, each) => sum + (!kind || each.kind === kind ? each.text.length : 0), 0);
  return length("same") * 3 >= length();
}

function compareWords(before: string, after: string): Piece[] {
  const words = (text: string): string[] => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
  const pieces: Piece[] = [];
  for (const { kind, text } of compare(words(before), words(after))) {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  }
  return pieces;
}

/** The longest common subsequence, without what both begin and end with. */
function compare(before: readonly string[], after: readonly string[]): Piece[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (text: string): Piece => ({ kind: "same", text });
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

function middle(before: readonly string[], after: readonly string[]): Piece[] {
  const removed = (text: string): Piece => ({ kind: "removed", text });
  const added = (text: string): Piece => ({ kind: "added", text });
  const width = after.length + 1;
  if (before.length * after.length > MOST_STEPS || before.length === 0 || after.length === 0) {
    return [...before.map(removed), ...after.map(added)];
  }
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const pieces: Piece[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      pieces.push({ kind: "same", text: before[i]! });
      i += 1;
      j += 1;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) {
      pieces.push(removed(before[i]!));
      i += 1;
    } else {
      pieces.push(added(after[j]!));
      j += 1;
    }
  }
  return [...pieces, ...before.slice(i).map(removed), ...after.slice(j).map(added)];
}
