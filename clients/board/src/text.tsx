import { Markdown } from "@countersign/web";
import type { ReactNode } from "react";

/** A model's text as Markdown. Its first level of headings follows that of the page around it. */
export function Text({ children, below }: { children: string; below: number }): ReactNode {
  return <Markdown headingLevel={below - shallowest(children) + 1}>{children}</Markdown>;
}

const FENCED = /^ {0,3}(```|~~~)[^]*?^ {0,3}\1/gm;
const HEADING = /^ {0,3}(#{1,6})[ \t]/gm;

function shallowest(text: string): number {
  const levels = [...text.replace(FENCED, "").matchAll(HEADING)].map(([, marks = ""]) => marks.length);
  return Math.min(6, ...levels, levels.length === 0 ? 1 : 6);
}
