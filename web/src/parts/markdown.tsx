/** Markdown, loaded when the first message has some. */

import { type ComponentProps, type ReactNode, Children, memo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkBreaks from "remark-breaks";
import remarkGfm from "remark-gfm";

import { mentions } from "./rich-text";

const PLUGINS = [remarkGfm, remarkBreaks];
/** Of a list of things to do, only its boxes are inputs. Pictures from elsewhere are links: to load one would tell a stranger who reads this. */
const KINDS = ["input", "img", "p", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "br", "hr", "table", "thead", "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6"];

const Link = ({ href, children }: ComponentProps<"a">) => (
  <a href={href} target="_blank" rel="noopener noreferrer nofollow">
    {children}
  </a>
);

const Picture = ({ src, alt }: ComponentProps<"img">) => <Link href={String(src ?? "")}>{alt || src}</Link>;
const Box = ({ checked }: ComponentProps<"input">) => <span role="img" aria-label={checked === true ? "done" : "to do"}>{checked === true ? "☑ " : "☐ "}</span>;

const marked = (children: ReactNode, names: ReadonlySet<string>) =>
  Children.map(children, (child) => (typeof child === "string" ? mentions(child, names) : child));

function components(names: ReadonlySet<string>): Components {
  const always: Components = { a: Link, img: Picture, input: Box };
  if (names.size === 0) return always;
  return {
    ...always,
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
