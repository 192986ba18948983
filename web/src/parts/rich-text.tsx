/** A message's text: Markdown, of which no HTML is ever taken (react-markdown makes elements, and shows tags as the text they are). */

import { type ReactNode, lazy, memo } from "react";

import { mentionsIn } from "./mention";
import { Part } from "./part";

const Markdown = lazy(() => import("./markdown"));

/** What Markdown could see something in; most messages have none of it. */
const MARKED = /[*_`~#>|\\[\]<]|https?:|www\.|^\s*(?:\d+[.)]|[-+])\s/m;

export const RichText = memo(function RichText({ text, names }: { text: string; names: ReadonlySet<string> }) {
  if (!MARKED.test(text)) return <p className="plain-text">{mentions(text, names)}</p>;
  return (
    <Part instead={<p className="plain-text">{text}</p>} isQuiet>
      <Markdown text={text} names={names} />
    </Part>
  );
});

/** A text whose mentions stand out: those of the people who are really meant. */
export function mentions(text: string, names: ReadonlySet<string>): ReactNode {
  if (names.size === 0) return text;
  const parts: ReactNode[] = [];
  let end = 0;
  for (const found of mentionsIn(text, (name) => names.has(name))) {
    parts.push(text.slice(end, found.start), <mark key={found.start}>{text.slice(found.start, found.end)}</mark>);
    end = found.end;
  }
  return [...parts, text.slice(end)];
}
