/** Draws parsed Markdown. */

import { type CSSProperties, createElement, memo, type ReactNode } from "react";

import type { MarkdownElement, MarkdownNode } from "../state/markdown";
import { mentionsIn } from "../state/mention";

interface Props {
  nodes: readonly MarkdownNode[];
  /** The usernames of the people who are mentioned, in small letters. */
  names: ReadonlySet<string>;
  /** Stands in the last line. */
  foot: ReactNode;
}

export const Markdown = memo(function Markdown({ nodes, names, foot }: Props) {
  return <div className="markdown">{drawAll(nodes, names, foot, "auto")}</div>;
});

const NOBODY: ReadonlySet<string> = new Set();
/** Elements whose last line may have more than their own text. */
const OPEN = new Set(["p", "ul", "ol", "li"]);

/** Draws elements, the last of which may take the foot. `dir` is that of blocks of their own. */
function drawAll(
  nodes: readonly MarkdownNode[],
  names: ReadonlySet<string>,
  foot?: ReactNode,
  dir?: "auto",
): ReactNode[] {
  const last = nodes.at(-1);
  const taker = typeof last === "object" && OPEN.has(last.tag) ? last : undefined;
  const drawn = nodes.map((node, index) =>
    typeof node === "string"
      ? markMentions(node, names)
      : draw(node, index, names, node === taker ? foot : undefined, dir),
  );
  return taker === undefined && foot !== undefined ? [...drawn, foot] : drawn;
}

function draw(
  element: MarkdownElement,
  key: number,
  names: ReadonlySet<string>,
  foot?: ReactNode,
  dir?: "auto",
): ReactNode {
  const { tag, children, href, start, value, align, language } = element;
  switch (tag) {
    case "a":
      return (
        <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow">
          {drawAll(children, NOBODY)}
        </a>
      );
    case "input":
      return <TaskBox key={key} isDone={element.checked === true} />;
    case "hr":
    case "br":
      return createElement(tag, { key });
    case "code":
      return (
        <code key={key} data-language={language}>
          {drawAll(children, NOBODY)}
        </code>
      );
    default: {
      const style =
        tag === "ol"
          ? styleOfNumbers(element)
          : align === undefined
            ? undefined
            : { textAlign: align };
      const props = { key, dir: tag === "pre" ? "ltr" : dir, start, value, style };
      return createElement(tag, props, ...drawAll(children, names, foot));
    }
  }
}

/** Returns what numbers of a list need: room for the longest, and what was written behind them. */
function styleOfNumbers({ start = 1, children, hasBrackets }: MarkdownElement): CSSProperties {
  const numbers = children.map((item, index) =>
    typeof item === "string" ? 0 : (item.value ?? start + index),
  );
  const digits = String(Math.max(...numbers)).length;
  return {
    paddingInlineStart: digits > 1 ? `calc(${digits}ch + 14px)` : undefined,
    listStyleType: hasBrackets === true ? "with-bracket" : undefined,
  };
}

function TaskBox({ isDone }: { isDone: boolean }) {
  return (
    <span role="img" aria-label={isDone ? "done" : "to do"}>
      {isDone ? "☑" : "☐"}
    </span>
  );
}

const mark = (key: number, text: string) => (
  <mark key={key} dir="auto">
    {text}
  </mark>
);

/** Returns a text in which the mentions of these people stand out. */
export function markMentions(text: string, names: ReadonlySet<string>): ReactNode {
  if (names.size === 0) return text;
  const parts: ReactNode[] = [];
  let end = 0;
  for (const mention of mentionsIn(text, (name) => names.has(name))) {
    const marked = text.slice(mention.start, mention.end);
    parts.push(text.slice(end, mention.start), mark(mention.start, marked));
    end = mention.end;
  }
  return [...parts, text.slice(end)];
}
