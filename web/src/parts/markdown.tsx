/** Markdown, loaded when the first message has some. */

import { type ComponentProps, type ReactNode, Children, memo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkBreaks from "remark-breaks";
import remarkGfm from "remark-gfm";

import { mentions } from "./rich-text";

const PLUGINS = [remarkGfm, remarkBreaks];
/** No pictures from elsewhere: to load one would tell a stranger who reads this. */
const KINDS = ["p", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "br", "hr", "table", "thead", "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6"];

const Link = ({ href, children }: ComponentProps<"a">) => (
  <a href={href} target="_blank" rel="noopener noreferrer nofollow">
    {children}
  </a>
);

const marked = (children: ReactNode, names: ReadonlySet<string>) =>
  Children.map(children, (child) => (typeof child === "string" ? mentions(child, names) : child));

function components(names: ReadonlySet<string>): Components {
  if (names.size === 0) return { a: Link };
  return {
    a: Link,
    p: ({ children }) => <p>{marked(children, names)}</p>,
    li: ({ children }) => <li>{marked(children, names)}</li>,
    strong: ({ children }) => <strong>{marked(children, names)}</strong>,
    em: ({ children }) => <em>{marked(children, names)}</em>,
  };
}

export default memo(function Markdown({ text, names }: { text: string; names: ReadonlySet<string> }) {
  return (
    <div className="markdown">
      <ReactMarkdown remarkPlugins={PLUGINS} allowedElements={KINDS} unwrapDisallowed components={components(names)}>
        {text}
      </ReactMarkdown>
    </div>
  );
});
