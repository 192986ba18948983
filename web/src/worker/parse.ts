/** Parses the Markdown of a message. Pure. */

import type { Element, Nodes as HastNode } from "hast";
import type {
  Blockquote,
  Code,
  Delete,
  Emphasis,
  Image,
  Link,
  List,
  ListItem,
  Nodes,
  Parents,
  Root,
  RootContent,
  Strong,
  Table,
  Text,
} from "mdast";
import { type Extension, fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { newlineToBreak } from "mdast-util-newline-to-break";
import { toHast } from "mdast-util-to-hast";
import { gfm } from "micromark-extension-gfm";

import {
  DEEPEST,
  type MarkdownElement,
  type MarkdownNode,
  type MarkdownTag,
  MOST_NODES,
  TAGS,
} from "../state/markdown";
import { emphasis, UNSPACED } from "./emphasis";

/**
 * Constructs that take characters away which somebody wrote: `[a]: b` and `&amp;` are meant as they
 * are, a tag is text, and a line of dashes is no heading.
 */
const UNUSED = [
  ...["definition", "gfmFootnoteDefinition", "gfmFootnoteCall", "gfmPotentialFootnoteCall"],
  ...["characterReference", "hardBreakEscape", "setextUnderline", "htmlFlow", "htmlText"],
];
const SYNTAX = [gfm({ singleTilde: false }), emphasis, { disable: { null: UNUSED } }];

/** Keeps the backslash of an escape: what follows means nothing, and nothing is lost. */
const escapes: Extension = {
  exit: {
    characterEscapeValue(token) {
      const text = this.stack.pop();
      if (text?.type !== "text") return;
      const char = this.sliceSerialize(token);
      const isNeeded = char === "|" && this.stack.some(({ type }) => type === "tableCell");
      text.value += isNeeded ? char : `\\${char}`;
      const { line, column, offset } = token.end;
      if (text.position !== undefined) text.position.end = { line, column, offset };
    },
  },
};

/** Languages that may follow the backticks; another word there is the first line of the code. */
const LANGUAGES = new Set(
  (
    "ada applescript asm assembly awk bash bat c c# c++ clojure cmake cmd coffeescript console " +
    "cpp crystal cs csharp css csv cuda cxx cython d dart diff docker dockerfile elixir elm " +
    "erlang f# fish fortran fsharp gdscript glsl go golang graphql groovy h haskell hcl hlsl " +
    "hpp htm html http ini java javascript jinja jl js json json5 jsonc jsx julia kotlin kt " +
    "latex less lisp log lua make makefile markdown matlab md mermaid mjs mysql nginx nim nix " +
    "none objc objective-c objectivec ocaml pascal patch perl pgsql php pl plain plaintext " +
    "plsql postgres postgresql powershell prolog properties proto protobuf ps1 pwsh py py3 " +
    "python python3 r racket rb rs rst ruby rust sass scala scheme scss sh shell shell-session " +
    "shellscript solidity sql sqlite svelte svg swift systemd systemverilog tcl terraform tex " +
    "text tf toml ts tsx txt typescript typst vb vb.net verilog vhdl vim viml vue wasm wat wgsl " +
    "xhtml xml yaml yml zig zsh"
  ).split(" "),
);

const ALLOWED: ReadonlySet<string> = new Set(TAGS);
const SAFE = /^(?:https?|mailto|tel):/i;

/** A character that no text means: it stands for a tilde that begins no code. */
const TILDE = "\ufdd0";
/** The tildes at the beginning of a line that also ends with some, as a heading does. */
const FRAMED = /^([^\S\n]*(?:>[^\S\n]*)*)(~{3,})(?=[^~\n][^\n]*~~~[^\S\n]*$)/gm;

/** Returns the elements of a text; `undefined` when it has too many, or is nested too deeply. */
export function parse(text: string): MarkdownNode[] | undefined {
  try {
    return new Compactor(2 * text.length).children(toHast(treeOf(text)), 0);
  } catch (error) {
    // A text may also be nested too deeply for the parser itself.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Returns the tree of a text, without what the syntax makes of it that nobody meant. */
function treeOf(text: string): Root {
  const framed = text.replaceAll(FRAMED, (_, lead: string, { length }: string) => {
    return lead + TILDE.repeat(length);
  });
  const root = fromMarkdown(framed, {
    extensions: SYNTAX,
    mdastExtensions: [gfmFromMarkdown(), escapes],
  });
  newlineToBreak(root);
  root.children = root.children.flatMap((node) => {
    const parts = partsOf(node, text);
    if (parts.length > 0) return parts.flatMap((part) => treeOf(part).children);
    const alone: Root = { type: "root", children: [node] };
    mend(alone, text);
    return alone.children;
  });
  return root;
}

/** A line of a quote, as it begins. */
const QUOTED = /^ {0,3}>/;

/**
 * Returns the parts of a quote that goes on in lines without its mark, and of those: who writes an
 * answer there means no quote, though the syntax lets a paragraph go on so.
 */
function partsOf(node: RootContent, text: string): string[] {
  if (node.type !== "blockquote") return [];
  const parts: { isQuoted: boolean; lines: string[] }[] = [];
  for (const line of slice(node, text).split("\n")) {
    const isQuoted = QUOTED.test(line);
    const last = parts.at(-1);
    if (last?.isQuoted === isQuoted) last.lines.push(line);
    else parts.push({ isQuoted, lines: [line] });
  }
  return parts.length < 2 ? [] : parts.map(({ lines }) => lines.join("\n"));
}

/** Undoes what the syntax makes of a text and its writer did not mean. */
function mend(parent: Parents, text: string, isInLink = false): void {
  const all = parent.children;
  parent.children = all.flatMap((node, index) => {
    if ("children" in node) mend(node, text, isInLink || node.type === "link");
    if (node.type === "link" && node.position === undefined)
      return foundLater(node, all[index - 1], all[index + 1]);
    return isInLink && node.type === "text" ? [node] : mended(node, text);
  }) as typeof parent.children;
  for (const [index, node] of parent.children.entries())
    takeUnderscore(parent.children[index - 1], node, parent.children[index + 1]);
}

/** Gives an address that stands in a text the `_` at its end, which the syntax leaves out. */
function takeUnderscore(before: Nodes | undefined, link: Nodes, after: Nodes | undefined): void {
  const [words] = link.type === "link" ? link.children : [];
  if (link.type !== "link" || words?.type !== "text" || after?.type !== "text") return;
  const end = /^_+(?!\S)/.exec(after.value)?.[0] ?? "";
  const isPaired = before?.type === "text" && before.value.endsWith("_");
  if (!link.url.endsWith(words.value) || isPaired) return;
  link.url += end;
  words.value += end;
  after.value = after.value.slice(end.length);
}

function mended(node: Nodes, text: string): Nodes[] {
  switch (node.type) {
    case "emphasis":
    case "strong":
    case "delete":
      return isMeant(node, text) ? [node] : unwrapped(node, text);
    case "heading":
      return node.children.length > 0 ? [node] : asWritten(node, text);
    case "blockquote":
      if (FACE.test(slice(node, text))) return unquoted(node);
      return node.children.length > 0 ? [node] : asWritten(node, text);
    case "list":
      return listed(node, text);
    case "code":
      return withFirstLine(node, text);
    case "table":
      return [padded(node)];
    case "thematicBreak":
      return STARS.test(slice(node, text)) ? asWritten(node, text) : [node];
    case "text":
      return addressed(node);
    case "link":
    case "image":
      return linked(node, text);
    default:
      return [node];
  }
}

const slice = ({ position }: Nodes, text: string): string =>
  text.slice(position?.start.offset, position?.end.offset);

/** Shows a block as it was written: one that would show nothing, as `#` or `>`. */
const asWritten = (node: Nodes, text: string): Nodes[] => [
  { type: "paragraph", children: [{ type: "text", value: slice(node, text) }] },
];

/** A row that stands for a word nobody should read, or for one to be filled in. */
const STARS = /^(?:\*{4,}|_{4,})$/;

/** Letters and digits of scripts that put spaces between words. */
const WORD = /[\p{L}\p{N}]/u;
const isWord = (char = "") => WORD.test(char) && !UNSPACED.test(char);

type Marked = Emphasis | Strong | Delete;

const MARKS = "*_~";
const OPENING = /\p{Ps}/u;
const CLOSING = /\p{Pe}/u;
const SIGN = /[\p{P}\p{S}]/u;
/** What may stand before marks that a sign follows. */
const LEAD = /[\s\p{Ps}"'|]|(?!\p{ASCII})\p{P}/u;

/**
 * False where the marks are characters of the text: the stars of `2*3*4`, `(a)*b*(c)`, `count(*)`,
 * `*.txt` and of a comment, tildes inside a word, a name like `__init__.py`, faces like `>_<`.
 */
function isMeant({ position }: Marked, text: string): boolean {
  const [start, end] = [position?.start.offset ?? 0, position?.end.offset ?? 0];
  const [[before, first], [last, after]] = [around(text, start), around(text, end - 1)];
  const isInside = (one: string, other: string) => isWord(one) && isWord(other);
  if (isInside(before, first) || isInside(last, after)) return false;
  const [lead, rest] = [text.slice(Math.max(0, start - 2), start), text.slice(end, end + 2)];
  if (text[start] === "_" && isInName(lead, rest)) return false;
  if (/^\*\.\w/.test(text.slice(start, start + 3)) || `${before}${after}` === "//") return false;
  const isOperand = CLOSING.test(before) && (isWord(first) || OPENING.test(first));
  const isLead = before === "" || LEAD.test(before) || UNSPACED.test(before);
  const isInSign = SIGN.test(first) && !isLead;
  return !(isOperand || isInSign || CLOSING.test(first) || OPENING.test(last));
}

/** True where a name goes on before or behind what has a `_` on both sides. */
const isInName = (before: string, after: string): boolean =>
  /(?:[\w)\]]\.|->|::|[@#$])$/.test(before) || /^(?:[./\\:]\w|[([])/.test(after);

/** Returns the characters before and after a row of marks. */
function around(text: string, mark: number): [string, string] {
  let [before, after] = [mark, mark];
  while (MARKS.includes(text[before] ?? " ")) before--;
  while (MARKS.includes(text[after] ?? " ")) after++;
  return [text[before] ?? "", text[after] ?? ""];
}

function unwrapped(node: Marked, text: string): Nodes[] {
  const value = slice(node, text).slice(0, node.type === "emphasis" ? 1 : 2);
  return [{ type: "text", value }, ...node.children, { type: "text", value }];
}

/** A line that begins with a face, as `>_<` or `>:(`, and quotes nothing. */
const FACE = /^>(?:[.:;<-]|_[^\p{L}\p{N}])[^\n]*$/u;

function unquoted({ children }: Blockquote): Nodes[] {
  const [first] = children;
  if (first?.type === "paragraph") first.children.unshift({ type: "text", value: ">" });
  return children;
}

/** Returns a list, or its lines where their marks are words: `1986. A great year`, `+ 1 for it`. */
function listed(list: List, text: string): Nodes[] {
  const items = list.children;
  if (items.every(({ children }) => children.length === 0)) return asWritten(list, text);
  const source = slice(list, text);
  const isAlone = items.length === 1 && (list.start ?? 0) > 1;
  const isSum = items.length === 1 && source.startsWith("+");
  const hasZeros = items.some((item) => /^0\d/.test(slice(item, text)));
  if (isAlone || isSum || hasZeros) return items.flatMap((item) => unlisted(item, text));
  return [list.ordered === true ? numbered(list, text) : list];
}

/** Keeps the numbers that somebody gave to the items of a list, and what stands behind them. */
function numbered(list: List, text: string): List {
  for (const [index, item] of list.children.entries()) {
    const value = Number.parseInt(slice(item, text), 10);
    if (value !== (list.start ?? 1) + index) item.data = { hProperties: { value: String(value) } };
  }
  if (/^\d+\)/.test(slice(list, text))) list.data = { hProperties: { dataMark: ")" } };
  return list;
}

/** Returns what an item has, behind its mark as it was written. */
function unlisted(item: ListItem, text: string): Nodes[] {
  const mark = /^\S+[^\S\n]?/.exec(slice(item, text))?.[0] ?? "";
  const [first, ...rest] = item.children;
  const isText = first?.type === "paragraph";
  const words = isText ? first.children : [];
  const line: Nodes = { type: "paragraph", children: [{ type: "text", value: mark }, ...words] };
  return [line, ...(isText ? rest : item.children)];
}

/** Returns a table with as many columns as its longest row has: the syntax drops other cells. */
function padded(table: Table): Table {
  const [head, ...rows] = table.children;
  const width = Math.max(...table.children.map(({ children }) => children.length));
  if (width * table.children.length > MOST_NODES) throw new RangeError("too many elements");
  const { align = [] } = table;
  const missing = Math.max(width - (align?.length ?? 0), 0);
  if (head === undefined || missing === 0) return table;
  const cells = Array.from({ length: width - head.children.length }, () => {
    return { type: "tableCell" as const, children: [] };
  });
  const padding = Array.from({ length: missing }, () => null);
  const wide = { ...head, children: [...head.children, ...cells] };
  return { ...table, align: [...(align ?? []), ...padding], children: [wide, ...rows] };
}

/** Shows what follows the backticks, unless it is the name of a language, and code follows. */
function withFirstLine(node: Code, text: string): Nodes[] {
  const info = /^(?:`{3,}|~{3,})[^\S\n]*(.*?)\s*$/m.exec(slice(node, text))?.[1] ?? "";
  if (info === "" && node.value === "") return asWritten(node, text);
  if (info === "") return [{ ...node, lang: null }];
  if (LANGUAGES.has(info.toLowerCase()) && node.value !== "") return [{ ...node, lang: info }];
  return [{ ...node, lang: null, value: node.value === "" ? info : `${info}\n${node.value}` }];
}

/** Returns a link that may be followed, and the text of one that may not. */
function linked(node: Link | Image, text: string): Nodes[] {
  const source = slice(node, text);
  const isWritten = /^[[<!]/.test(source);
  if (node.type === "link" && !isWritten) {
    const [start, end] = [node.position?.start.offset ?? 0, node.position?.end.offset ?? 0];
    const isPart = isPartOfWord(node, text.slice(Math.max(0, start - 4), start), text.slice(end));
    return isPart ? [textOf(source)] : shortened(node);
  }
  const url = node.url.startsWith("www.") ? `https://${node.url}` : node.url;
  if (!SAFE.test(url) || isDeceptive(node, url, text)) return [{ type: "text", value: source }];
  if (node.type === "link") {
    const isBlank = wordsOf(node, text).trim() === "";
    return [{ ...node, url, ...(isBlank && { children: [textOf(url)] }) }];
  }
  // A picture from elsewhere would tell a stranger who reads the message.
  return [{ type: "link", url, children: [{ type: "text", value: node.alt || url }] }];
}

/**
 * Returns a link that was found after the text was parsed, behind a bracket that is not closed: it
 * has no place in the text.
 */
function foundLater(link: Link, before: Nodes | undefined, after: Nodes | undefined): Nodes[] {
  const [lead, rest] = [before, after].map((node) => (node?.type === "text" ? node.value : ""));
  const isLink = SAFE.test(link.url) && !isPartOfWord(link, lead, rest);
  return isLink ? shortened(link) : link.children;
}

const textOf = (value: string): Text => ({ type: "text", value });

/** What has the form of an address of mail: a file for a dense screen, as `icon@2x.png`. */
const DENSE = /@\dx\./;

/**
 * True for an address of mail that is a part of something else: of one with letters that the
 * syntax does not know, which would be another one's; of `git@host:path`; of a file's name.
 */
function isPartOfWord({ url }: Link, lead = "", rest = ""): boolean {
  if (!url.startsWith("mailto:")) return false;
  const before = [...lead.slice(-4)];
  const isCut =
    isWord(before.at(-1)) || (isWord(before.at(-2)) && /['\u2019]/.test(before.at(-1) ?? ""));
  const after = rest.slice(0, 2);
  return isCut || isWord([...after][0]) || /^:\S/.test(after) || DENSE.test(url);
}

/** Words that are taken for an address. */
const LOOKS = /^\s*(?:https?:\/\/|www\.|(?=[\w.-]+\.(?:com|org|net|edu|gov|info|biz)\b))(\S+)/i;

/** True for a link whose words are the address of another host. */
function isDeceptive(node: Link | Image, url: string, text: string): boolean {
  const words = node.type === "link" ? wordsOf(node, text) : node.alt;
  const shown = hostOf(`https://${LOOKS.exec(words ?? "")?.[1] ?? ""}`);
  if (shown === undefined) return false;
  const real = hostOf(url);
  return real !== shown && real?.endsWith(`.${shown}`) !== true;
}

const wordsOf = ({ children }: Link, text: string): string =>
  children.map((child) => (child.type === "text" ? child.value : slice(child, text))).join("");

function hostOf(url: string): string | undefined {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^www\./, "") : "";
  return host === "" ? undefined : host;
}

/** Addresses that the syntax does not know: of a host by its number, or with a `_` in its name. */
const BARE = new RegExp(
  "(?<![\\p{L}\\p{N}])https?://(?:\\[[\\da-f:.]+\\]|\\w(?:[\\w.-]*\\w)?)(?::\\d+)?" +
    "(?:[/?#](?:[^\\s<]*[^\\s<?!.,:;*_~'\")\\]])?)?",
  "giu",
);

/** Makes links of such addresses. */
function addressed({ value }: Text): Nodes[] {
  const parts: Nodes[] = [];
  let end = 0;
  for (const { 0: url, index } of value.matchAll(BARE)) {
    const link: Link = { type: "link", url, children: [textOf(url)] };
    parts.push(textOf(value.slice(end, index)), ...shortened(link));
    end = index + url.length;
  }
  return [...parts, textOf(value.slice(end))];
}

/**
 * Marks and symbols that end an address which stands in a text. A host may have a symbol in its
 * name, as `i❤.example`.
 */
const ENDS = "(?![\\p{ASCII}·・–—])(?:[\\p{P}\\s]|\\p{S}(?!\\ufe0f?\\.\\p{L}))";
const END = new RegExp(ENDS, "u");
const ADDRESS = new RegExp(`(?:https?://|www\\.)(?:(?!${ENDS})[^])+`, "giu");

/** Cuts an address of a text where a mark of another script ends it. */
function shortened(node: Link): Nodes[] {
  const [child] = node.children;
  if (child?.type !== "text" || !END.test(child.value)) return [node];
  const parts: Nodes[] = [];
  let end = 0;
  for (const { 0: value, index } of child.value.matchAll(ADDRESS)) {
    const url = /^www/i.test(value) ? `https://${value}` : value;
    parts.push({ type: "text", value: child.value.slice(end, index) });
    parts.push({ type: "link", url, children: [{ type: "text", value }] });
    end = index + value.length;
  }
  return [...parts, { type: "text", value: child.value.slice(end) }];
}

/** Makes elements small, and counts them, and what is read. */
class Compactor {
  #nodes = 0;
  /** Characters that may still come: a short text makes no long one. */
  #left: number;

  constructor(most: number) {
    this.#left = most;
  }

  children(node: HastNode, depth: number): MarkdownNode[] {
    if (depth > DEEPEST) throw new RangeError("nested too deeply");
    if (!("children" in node)) return [];
    const isCode = node.type === "element" && node.tagName === "code";
    const made: MarkdownNode[] = [];
    for (const child of node.children) {
      if (++this.#nodes > MOST_NODES) throw new RangeError("too many elements");
      if (child.type === "text" && (isCode || child.value !== "\n"))
        append(made, this.#text(child.value));
      if (child.type !== "element") continue;
      for (const one of this.#element(child, depth)) append(made, one);
    }
    return made;
  }

  #text(value: string): string {
    this.#left -= value.length;
    if (this.#left < 0) throw new RangeError("too many characters");
    return value.replaceAll(TILDE, "~");
  }

  #element(element: Element, depth: number): MarkdownNode[] {
    const children = this.children(element, depth + 1);
    const { tagName, properties } = element;
    if (!ALLOWED.has(tagName)) return children;
    const made: MarkdownElement = { tag: tagName as MarkdownTag, children };
    if (typeof properties.href === "string") made.href = withHost(properties.href);
    if (typeof properties.start === "number") made.start = properties.start;
    if (properties.dataMark === ")") made.hasBrackets = true;
    if (tagName === "li" && properties.value !== undefined) made.value = Number(properties.value);
    if (tagName === "input") made.checked = properties.checked === true;
    if (properties.align !== undefined) made.align = properties.align as "left";
    const [language] = Array.isArray(properties.className) ? properties.className : [];
    if (tagName === "code" && language !== undefined)
      made.language = String(language).replace("language-", "");
    return [made];
  }
}

const HOST = /^(https?:\/\/)([^/?#]*)/i;
/** Letters of other scripts, and the brackets around the number of a host. */
const ENCODED = /(?:%[89a-f][\da-f])+|%5[bd]/gi;

/** Returns an address whose host is as it was written: a browser takes no `%5B` there. */
const withHost = (href: string): string =>
  href.replace(HOST, (whole, scheme: string, host: string) => {
    try {
      return scheme + host.replace(ENCODED, decodeURIComponent);
    } catch {
      return whole; // no UTF-8
    }
  });

/** Appends a node; a text to the text before it. */
function append(nodes: MarkdownNode[], node: MarkdownNode): void {
  const last = nodes.at(-1);
  if (typeof last === "string" && typeof node === "string") nodes[nodes.length - 1] = last + node;
  else nodes.push(node);
}
