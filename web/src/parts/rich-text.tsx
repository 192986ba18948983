/** A message's text: Markdown, of which no HTML is ever taken (react-markdown makes elements, and shows tags as the text they are). */

import { type ReactNode, Suspense, lazy, memo } from "react";

const Markdown = lazy(() => import("./markdown"));

/** What Markdown could see something in; most messages have none of it. */
const MARKED = /[*_`~#>|\\[\]<]|https?:|www\.|^\s*(?:\d+[.)]|[-+])\s/m;
const MENTION = /@([a-zA-Z0-9_.-]{3,32})/g;

export const RichText = memo(function RichText({ text, names }: { text: string; names: ReadonlySet<string> }) {
  if (!MARKED.test(text)) return <p className="plain-text">{mentions(text, names)}</p>;
  return (
    <Suspense fallback={<p className="plain-text">{text}</p>}>
      <Markdown text={text} names={names} />
    </Suspense>
  );
});

/** A text whose mentions stand out: those of the people who are really meant. */
export function mentions(text: string, names: ReadonlySet<string>): ReactNode {
  if (names.size === 0) return text;
  const parts: ReactNode[] = [];
  let end = 0;
  for (const found of text.matchAll(MENTION)) {
    if (!names.has(found[1]!.toLowerCase())) continue;
    parts.push(text.slice(end, found.index), <mark key={found.index}>{found[0]}</mark>);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
