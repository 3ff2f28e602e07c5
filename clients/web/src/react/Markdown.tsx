"use client";

import { useId, useMemo, type JSX, type ReactNode } from "react";
import ReactMarkdown, { type Components, type Options } from "react-markdown";
import remarkGfm from "remark-gfm";
import { ENGLISH } from "./labels.js";

export interface MarkdownProps {
  children: string;
  /** The level of the headings that stand above the text; its own ones are deeper. */
  headingLevel?: number;
  labels?: { image: (alt: string) => string; scrolls: string };
}

const LONGEST = 200_000;

/**
 * A text that a model wrote, as Markdown that can only be read.
 *
 * It holds no HTML and loads no image. Links go only to http, https and mail addresses, and show
 * where they go.
 */
export function Markdown({ children, headingLevel = 3, labels = ENGLISH }: MarkdownProps): ReactNode {
  const prefix = useId();
  const components = useMemo(() => componentsFor(headingLevel, labels), [headingLevel, labels]);
  if (children.length > LONGEST) return <pre className="cs-plain">{children}</pre>;
  return (
    <div className="cs-markdown" dir="auto">
      <ReactMarkdown
        remarkPlugins={PLUGINS}
        remarkRehypeOptions={{ clobberPrefix: `${prefix}-` }}
        skipHtml
        urlTransform={safeUrl}
        components={components}
      >
        {children}
      </ReactMarkdown>
    </div>
  );
}

const PLUGINS: Options["remarkPlugins"] = [[remarkGfm, { singleTilde: false }]];

/** The address if it is absolute and of a harmless kind; else "". */
export function safeUrl(address: string): string {
  try {
    const { protocol, href } = new URL(address);
    return ["http:", "https:", "mailto:"].includes(protocol) ? href : "";
  } catch {
    return "";
  }
}

function componentsFor(
  above: number,
  labels: NonNullable<MarkdownProps["labels"]>,
): Components {
  const heading = (level: number) =>
    function Heading({ children }: { children?: ReactNode }): ReactNode {
      const Tag = `h${Math.min(6, above + level)}` as keyof JSX.IntrinsicElements & "h6";
      return <Tag>{children}</Tag>;
    };
  return {
    h1: heading(1),
    h2: heading(2),
    h3: heading(3),
    h4: heading(4),
    h5: heading(5),
    h6: heading(6),
    a: ({ href, children, id }) => (
      <Link href={href ?? ""} id={id}>
        {children}
      </Link>
    ),
    img: ({ alt }) => <span className="cs-image">[{labels.image(alt ?? "")}]</span>,
    input: ({ checked }) => <span aria-hidden="true">{checked ? "☑" : "☐"} </span>,
    table: ({ children }) => (
      <div className="cs-scroll" tabIndex={0} role="group" aria-label={labels.scrolls}>
        <table>{children}</table>
      </div>
    ),
    pre: ({ children }) => (
      <pre className="cs-scroll" tabIndex={0}>
        {children}
      </pre>
    ),
  };
}

function Link({
  href,
  id,
  children,
}: {
  href: string;
  id: string | undefined;
  children?: ReactNode;
}): ReactNode {
  if (href === "") return <span id={id}>{children}</span>;
  const text = textOf(children);
  const place = destination(href);
  return (
    <>
      <a href={href} id={id} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
      {!text.includes(place) && <span className="cs-destination"> ({place})</span>}
    </>
  );
}

function destination(href: string): string {
  const { protocol, host, pathname } = new URL(href);
  return protocol === "mailto:" ? decoded(pathname) : host;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function textOf(node: ReactNode): string {
  if (typeof node === "string") return node;
  if (Array.isArray(node)) return node.map(textOf).join("");
  return "";
}
