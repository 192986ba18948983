import { describe, expect, test } from "vitest";

import { type MarkdownNode, needsMarkdown, withFewMarks } from "../src/state/markdown";
import { parse } from "../src/worker/parse";

/** Returns what is read, without what it looks like. */
const textOf = (nodes: readonly MarkdownNode[]): string =>
  nodes
    .map((node) => {
      if (typeof node === "string") return node;
      return node.tag === "br" ? "\n" : textOf(node.children);
    })
    .join("");

const read = (text: string) => textOf(parse(text) ?? []);

/** Returns the elements of a tag, wherever they are. */
const find = (nodes: readonly MarkdownNode[], tag: string): Exclude<MarkdownNode, string>[] =>
  nodes.flatMap((node) =>
    typeof node === "string"
      ? []
      : [...(node.tag === tag ? [node] : []), ...find(node.children, tag)],
  );

const links = (text: string) => find(parse(text) ?? [], "a").map(({ href }) => href);

test.each([
  "2*3*4",
  "2**3**4 and 5***6***7",
  "a = b*c*d + e*f",
  "¯\\_(ツ)_/¯",
  "C:\\_temp\\#1\\",
  "\\\\server\\share",
  "C:\\dir\\\nnext",
  "\\d+\\.\\d+",
  "\\*not bold\\*",
  "age(1~3), height(80~100)",
  "~1 to ~2",
  "snake_case_name and __init__.py x",
  "&amp; &copy; &lt;b&gt;",
  "[a]: https://example.org",
  "[^1]: a note",
  "see [^1]",
  "<b>bold</b> <script>alert(1)</script>",
  "<div>\n*x\n</div>",
  "title\n=====",
  "[x](javascript:alert(1))",
  "[file](file:///etc/passwd) [data](data:text/html,a)",
  "[local](/v1/users) ![p](relative.png)",
  "a < b > c",
  "* ",
  "(a+b)*c*(d+e)",
  "count(*) + count(*), sum(*)",
  '*.txt and "*.md" and /*.js and /x/*.ts',
  "/*a*/ and /**b**/",
  "a/**/b/**/c",
  "f(*args, **kwargs) and f(*a, **k)",
  "x *= 2; y *= 3",
  "10~~20 and 30~~40",
  "~~ and ~~",
  "height(80~~100), age(1~~3)",
  "~5 ~ 10~",
  ">_< and >_<",
  "well >_< and >_<",
  ">:( no",
  ">.<",
  "-_- -_-",
  "^_^ ... ^_^",
  "._. ._.",
  "\u00af_(\u30c4)_/\u00af \u00af_(\u30c4)_/\u00af",
  "(>_<) (>_<)",
  "a_b_c_d and _x_.y and _(see)_z",
  "E = m*c**2, F = G*m*M/r**2",
  "[call](tel)",
  "[x](VBScript:msgbox) [y]( javascript:alert(1))",
  "![p](data:image/png;base64,AAAA)",
  "a    b   c",
  ...["Mail me [ann@example.org]", "[ann@a.example, [bob@b.example", "[see xmpp:a@b.example"],
  ...["[see https://a.example/x\uff0c\u7136\u540e", "[j\u00fcrgen@example.org icon@2x.png"],
  ...["a \\| b", "grep 'a\\|b'"],
  ...[
    "__init__()",
    "obj.__class__ is",
    "@_bob_ hi",
    "@__bob__",
    "a[0]._x_ p->_y_",
    "__dict__['a']",
  ],
  ...["~~~ news ~~~\ntext", "~~~news~~~"],
  ...["*", "+", "-", "#", "##", ">", "```", "~~~", "1.", "2018.", "- ", "1)"],
  ...["2018.\nwas good", "a\n\n#\n\nb"],
  ...["****", "p*ss: ******", "******", "____ is the capital"],
  "Dear ____,\n\n______",
  ...["4. July I'm available", "1986. A great year", "05. Mai", "007. Bond", "01. a\n02. b"],
  ...["+ 1 for it", "+ 49 171 123"],
  "[https://good.example.com](https://evil.example)",
  "[www.bank.example](https://evil.example/login)",
  "[paypal.com](https://evil.example)",
  "![https://good.example](https://evil.example/a.png)",
])("%j loses no character", (text) => {
  const shown = read(text);
  const [left, wanted] = [shown, text].map((one) => one.replaceAll(/\s/g, ""));
  expect(left).toBe(wanted);
});

test.each([">>", "> #", "- >", "> -", "1. ```", "- - -\n#", "|a|\n|-|"])(
  "%j shows something",
  (text) => expect(read(text)).toMatch(/\S/),
);

test.each([
  ["1. one", "ol"],
  ["1. one\n2. two", "ol"],
  ["1986. one\n1987. two", "ol"],
  ["+ one\n+ two", "ul"],
  ["- one", "ul"],
  ["# one", "h1"],
  ["> one", "blockquote"],
  ["***", "hr"],
  ["> ~~~ a ~~~\n> **b**", "strong"],
  ["---------", "hr"],
  ["```\n\n```\ncode `x`", "code"],
])("%j is still a block", (text, tag) => {
  expect(find(parse(text) ?? [], tag)).not.toEqual([]);
});

test("a bracket behind the numbers of a list stays one", () => {
  expect(find(parse("1) a\n2) b") ?? [], "ol")).toMatchObject([{ hasBrackets: true }]);
  expect(find(parse("1. a\n2. b") ?? [], "ol")[0]?.hasBrackets).toBeUndefined();
});

test.each([
  ["*a* **b** ~~c~~ `d`", "em strong del code"],
  ["这是*重点*内容", "em"],
  ["(*a*), **b**: *c*!", "em strong em"],
  ["5*x* and *y*", "em"],
  ["*(maybe)* and **\u201cyes\u201d**", "em strong"],
  ["\u6211\uff0c**\u201c\u597d\u201d** \uff08\u5f3a\uff09*\u91cd*", "strong em"],
  ["_a_ (_b_) ~~**c**~~ **.env**", "em em del strong strong"],
  ["**Note:** *really?* (**yes!**)", "strong em strong"],
])("%j still has its marks", (text, tags) => {
  const found = JSON.stringify(parse(text)).matchAll(/"tag":"(em|strong|del|code)"/g);
  expect([...found].map(([, tag]) => tag).join(" ")).toBe(tags);
});

test.each([
  ["**\ud55c\uad6d\uc5b4**\ub294 *\uac15*\ud558\ub2e4", "strong em"],
  ["**\u201c\uacf5\uac1c \ubb38\uc11c\u201d**\ub294 \uc6d0\uce59", "strong"],
  ["**\ub9c8\ud06c\ub2e4\uc6b4(Markdown)**\uc758", "strong"],
  ["**\u30c6\u30b9\u30c8\u3002**\u30c6\u30b9\u30c8", "strong"],
  ["\u542b**\u300c\u91cd\u70b9\u300d**\u5185\u5bb9", "strong"],
  ["*\u4f60\u597d\uff01*\u4e16\u754c", "em"],
  ["**\u6ce8\u610f\uff1a**text \u548c **\u91cd\u8981\uff08x\uff09**\u540e", "strong strong"],
  ["***\u91cd\u3002***\u540e", "em strong"],
  ["\u4e2d**\u91cd**\u4e2d*\u8f7b*\u4e2d", "strong em"],
  ["\u0e14\u0e35**\u0e21\u0e32\u0e01**\u0e04\u0e23\u0e31\u0e1a", "strong"],
])("%j has emphasis without spaces around it", (text, tags) => {
  const found = JSON.stringify(parse(text)).matchAll(/"tag":"(em|strong)"/g);
  expect([...found].map(([, tag]) => tag).join(" ")).toBe(tags);
  expect(read(text)).not.toContain("*");
});

test.each([
  ["**\u672a\u5b8c\u3002 **\u540e", "**\u672a\u5b8c\u3002 **\u540e"],
  ["\u4ef7**:)**x", "\u4ef7**:)**x"],
])("%j has stars", (text, shown) => {
  expect(read(text)).toBe(shown);
});

/** Returns the blocks of a text, a quote in brackets. */
const blocks = (nodes: readonly MarkdownNode[]): string =>
  nodes
    .map((node) => {
      if (typeof node === "string" || node.tag === "p") return textOf([node]);
      return node.tag === "blockquote" ? `[${blocks(node.children)}]` : `<${node.tag}>`;
    })
    .join("|");

test.each([
  ["> are you coming?\nyes", "[are you coming?]|yes"],
  [">one\n>two\nthree\nfour", "[one\ntwo]|three\nfour"],
  ["> a\nb\n> c\nd", "[a]|b|[c]|d"],
  ["before\n> a\nafter", "before|[a]|after"],
  ["> a\n\nb", "[a]|b"],
  ["> a\n>\n> b\nc", "[a|b]|c"],
  ["> a\n*b* @ann\n- c", "[a]|b @ann|<ul>"],
  [">> deep\nanswer", "[[deep]]|answer"],
  ["> a\n  b", "[a]|b"],
  ["> ```\n> code\n> ```\nb", "[<pre>]|b"],
  ["> [a\nb](https://a.example)", "[[a]|b](https://a.example)"],
])("%j quotes the lines that say so: %s", (text, shown) => {
  expect(blocks(parse(text) ?? [])).toBe(shown);
});

test("a quote and an answer hundreds of times are parsed at once", () => {
  const start = performance.now();
  expect(parse("> a\nb\n".repeat(200))).toBeDefined();
  parse(`${"> a\n".repeat(2500)}b`);
  expect(performance.now() - start).toBeLessThan(2000);
});

describe("links", () => {
  test.each([
    ["https://example.com。次の文", ["https://example.com"]],
    [
      "https://example.com/a，和 https://b.example）。",
      ["https://example.com/a", "https://b.example"],
    ],
    ["（https://example.com/x）", ["https://example.com/x"]],
    [
      "见https://a.example/b、https://c.example/d。",
      ["https://a.example/b", "https://c.example/d"],
    ],
    ["\uff1chttps://a.example/x\uff1e", ["https://a.example/x"]],
    [
      "https://a.example/x\uff5c\u7d9a\u304d https://b.example\u2192\u6b21",
      ["https://a.example/x", "https://b.example"],
    ],
    [
      "https://a.example\u{1f44d} https://b.example/x\u2764\ufe0f",
      ["https://a.example", "https://b.example/x"],
    ],
    ["http://ci_runner/x\uff0c\u7136\u540e", ["http://ci_runner/x"]],
    ["https://i\u2764\ufe0f.example/x", ["https://i\u2764\ufe0f.example/x"]],
    ["[see xmpp:a@b.example, ann@example.org", ["mailto:ann@example.org"]],
    ["[git@host.example:path j\u00fcrgen@example.org", []],
    ["[see https://a.example/x\uff0c\u7136\u540e", ["https://a.example/x"]],
    ["Https://example.com", ["Https://example.com"]],
    ["HTTP://EXAMPLE.COM/a", ["HTTP://EXAMPLE.COM/a"]],
    ["Www.example.com", ["http://Www.example.com"]],
    ["write to ann@example.org, please", ["mailto:ann@example.org"]],
    ["[call](tel:+491234)", ["tel:+491234"]],
    ["<tel:+491234> [mail](MAILTO:a@b.example)", ["tel:+491234", "MAILTO:a@b.example"]],
    ["<javascript:alert(1)> [x](ftp://a.example) <skype:me>", []],
    ["HTTPS://A.EXAMPLE/x, hTTp://b.example!", ["HTTPS://A.EXAMPLE/x", "hTTp://b.example"]],
    ["WWW.A.EXAMPLE? (www.b.example)", ["http://WWW.A.EXAMPLE", "http://www.b.example"]],
    ["Ann.B+c@Example.org; <d@e.example>", ["mailto:Ann.B+c@Example.org", "mailto:d@e.example"]],
    ["\"https://a.example/b\" 'https://c.example'", ["https://a.example/b", "https://c.example"]],
    [
      "\u300chttps://a.example/b\u300d\u3068\u3001https://c.example\uff01",
      ["https://a.example/b", "https://c.example"],
    ],
    [
      "https://a.example/\uff1fx \u201chttps://b.example\u201d\u2026",
      ["https://a.example/", "https://b.example"],
    ],
    [
      "https://a.example/w_(x)_(y)) https://b.example/(",
      ["https://a.example/w_(x)_(y)", "https://b.example/("],
    ],
    ["*https://a.example* **https://b.example/**", ["https://a.example", "https://b.example/"]],
    [
      "https://a.example/?q=1&b=2... https://b.example:8080/#c;",
      ["https://a.example/?q=1&b=2", "https://b.example:8080/#c"],
    ],
    ["[x](javascript:alert(1)) [y](vbscript:a) [z](data:a)", []],
    [
      "http://localhost:3000/ http://server/documents",
      ["http://localhost:3000/", "http://server/documents"],
    ],
    [
      "see http://wiki.internal/a, http://ci_runner:8080/x_y.",
      ["http://wiki.internal/a", "http://ci_runner:8080/x_y"],
    ],
    [
      "http://[::1]:8080/a (https://[2001:db8::5])",
      ["http://[::1]:8080/a", "https://[2001:db8::5]"],
    ],
    ["http://192.168.0.1:8080/x", ["http://192.168.0.1:8080/x"]],
    [
      "https://a%FF.example/%5B https://a%2Fb.example",
      ["https://a%FF.example/%5B", "https://a%2Fb.example"],
    ],
    [
      "https://m\u00fcnchen.example/\u00fc https://xn--mnchen-3ya.example",
      ["https://m\u00fcnchen.example/%C3%BC", "https://xn--mnchen-3ya.example"],
    ],
    ["(http://ex.example/).", ["http://ex.example/"]],
    [
      "https://a.example/ann_ or https://a.example/bob__",
      ["https://a.example/ann_", "https://a.example/bob__"],
    ],
    [
      "_https://a.example/ann_ and _see https://b.example_",
      ["https://a.example/ann", "https://b.example"],
    ],
    ["https://a.example/x).html", ["https://a.example/x).html"]],
    ["https://a.example/bar.(par)", ["https://a.example/bar.(par)"]],
    [
      "https://a.example/Gary's+Deli/@52.3,4.8,18z",
      ["https://a.example/Gary's+Deli/@52.3,4.8,18z"],
    ],
    ["https://a.example/~ann/*b*/_c_/~~d~~/e", ["https://a.example/~ann/*b*/_c_/~~d~~/e"]],
    ["https://view.a.example/#/room/#b:c.example", ["https://view.a.example/#/room/#b:c.example"]],
    ["git@github.com:ann/repo.git", []],
    ["ann@example.org: hello", ["mailto:ann@example.org"]],
    ["j\u00fcrgen@example.org o'donnel@example.org", []],
    [
      "'ann@example.org' \u8054\u7cfbbob@example.org\u8c22\u8c22",
      ["mailto:ann@example.org", "mailto:bob@example.org"],
    ],
    ["ann@example.k\u00f6ln", []],
    ["icon@2x.png test@42.domain.example", ["mailto:test@42.domain.example"]],
    [
      "[](https://a.example/b) [ ](https://c.example)",
      ["https://a.example/b", "https://c.example"],
    ],
    ["[https://a.example/b](https://www.a.example/c)", ["https://www.a.example/c"]],
    [
      "[a.com](https://docs.a.com) [main.rs](https://a.example/1)",
      ["https://docs.a.com", "https://a.example/1"],
    ],
    ["[README.md, see www](https://a.example)", ["https://a.example"]],
    ["![cat](https://example.com/cat.png)", ["https://example.com/cat.png"]],
    ["https://example.com/a_b_c_(d).", ["https://example.com/a_b_c_(d)"]],
    [
      "https://example.com/caf\u00e9/\u6f22\u5b57",
      ["https://example.com/caf%C3%A9/%E6%BC%A2%E5%AD%97"],
    ],
  ])("%j", (text, hrefs) => {
    expect(needsMarkdown(text)).toBe(true);
    expect(links(text)).toEqual(hrefs);
  });
});

describe("the line after the backticks", () => {
  test.each([
    ["```SELECT * FROM x\nWHERE y\n```", "SELECT * FROM x\nWHERE y\n"],
    ["```hello\nworld\n```", "hello\nworld\n"],
    ["```const x = 1;\n```", "const x = 1;\n"],
    ["~~~ls -la\n~~~", "ls -la\n"],
    ["> ```one line\n> two\n> ```", "one line\ntwo\n"],
    ["```\nplain\n```", "plain\n"],
    ["```x = 1\n```", "x = 1\n"],
    ["```x = 1 ```", "x = 1 "],
    ["```one line", "one line\n"],
    ["````{ a: 1 }\n```\n````", "{ a: 1 }\n```\n"],
    ["```make\n```", "make\n"],
    ["```make", "make\n"],
    ["```\n~~~ a ~~~\n```", "~~~ a ~~~\n"],
  ])("%j is shown", (text, shown) => {
    const [code] = find(parse(text) ?? [], "code");
    expect(code?.language).toBeUndefined();
    expect(textOf(code?.children ?? [])).toBe(shown);
  });

  test.each(["c#", "C++", "F#", "python3", "console", "go", "vb.net", "shell-session", "mermaid"])(
    "%s is a language",
    (language) => {
      const [code] = find(parse(`\`\`\`${language}\nx = 1\n\`\`\``) ?? [], "code");
      expect(textOf(code?.children ?? [])).toBe("x = 1\n");
    },
  );

  test("is the name of a language", () => {
    const [code] = find(parse("```rust\nfn main() {}\n```") ?? [], "code");
    expect(code).toEqual({ tag: "code", language: "rust", children: ["fn main() {}\n"] });
  });
});

test.each([
  ["a list", "- a\n- b"],
  ["a list in a list", "- a\n  - b\n    - c"],
  ["a quote of a quote", "> > a"],
  ["a table", "|a|b|\n|-|-:|\n|c|d|"],
  ["a task", "- [x] done"],
])("%s is drawn", (_, text) => {
  expect(needsMarkdown(text)).toBe(true);
  expect(parse(text)).toBeDefined();
});

test.each(["- ", "> ", ">", "1. ", "* ", "+ ", ">- ", "> 1) "])(
  "%j without end is shown as it was written",
  (marks) => {
    expect(needsMarkdown(marks.repeat(2000))).toBe(false);
    expect(needsMarkdown(`before\n  ${marks.repeat(2000)}a`)).toBe(false);
  },
);

test("what has too many elements, or too deep ones, is shown as it was written", () => {
  expect(parse("|a|b|\n|-|-|\n".concat("|a|b|\n".repeat(1500)))).toBeUndefined();
  const lines = Array.from({ length: 60 }, (_, depth) => `${"  ".repeat(depth)}- a`);
  expect(parse(lines.join("\n"))).toBeUndefined();
});

test("an address behind an open bracket makes a short text no longer", () => {
  const text = `a [${"aa@bb.ccc ".repeat(600)}`;
  expect(read(text)).toBe(text.trim());
});

test("a table has all cells of its longest row, and no more than can be drawn", () => {
  const cells = find(parse("|a|\n|-|\n|x|y|z|\n|p|") ?? [], "tr").map((row) => row.children);
  expect(cells.map((row) => textOf(row))).toEqual(["a", "xyz", "p"]);
  expect(cells.map((row) => row.length)).toEqual([3, 3, 3]);
  expect(parse(`|a|\n|-|\n|${"b|".repeat(1000)}\n${"|c|\n".repeat(1000)}`)).toBeUndefined();
});

test("a bar in a cell of a table needs its backslash, and loses it", () => {
  expect(read("|a|\n|-|\n|x \\| y|")).toBe("ax | y");
});

test("marks on a letter are as many as a language has", () => {
  const mark = "\u0301";
  expect(withFewMarks(`a${mark}b${mark.repeat(12)}`)).toBe(`a${mark}b${mark.repeat(12)}`);
  expect(withFewMarks(`Z${mark.repeat(9000)}!`)).toBe(`Z${mark.repeat(12)}!`);
});

test("the items of a list keep the numbers that they were given", () => {
  const numbers = (text: string) => {
    const [list] = find(parse(text) ?? [], "ol");
    return [list?.start ?? 1, ...find(list?.children ?? [], "li").map(({ value }) => value)];
  };
  expect(numbers("1. a\n2. b\n3. c")).toEqual([1, undefined, undefined, undefined]);
  expect(numbers("5. a\n6. b")).toEqual([5, undefined, undefined]);
  expect(numbers("3. a\n2. b\n1. c")).toEqual([3, undefined, 2, 1]);
  expect(numbers("1. a\n1. b\n7. c")).toEqual([1, undefined, 1, 7]);
});

test.each([
  ["[](https://a.example/b)", "https://a.example/b"],
  ["[ ](https://a.example/b)", "https://a.example/b"],
  ["[**x** y](https://a.example/b)", "x y"],
])("of the link %j, %j can be clicked", (text, words) => {
  const [link] = find(parse(text) ?? [], "a");
  expect(textOf(link?.children ?? [])).toBe(words);
});

test.each(["#\ufe0f\u20e3", "*\ufe0f\u20e3", "1\ufe0f\u20e3 2\ufe0f\u20e3"])(
  "the keycap %j is an emoji",
  (text) => expect(needsMarkdown(text)).toBe(false),
);

test.each([
  ["a\r\n\r\nb", ["p", "p"]],
  ["**a**\r\nb\r\n\r\nc", ["p", "strong", "br", "p"]],
  ["- a\r\n- b\r\n", ["ul", "li", "li"]],
  ["```\r\na\r\n\r\nb\r\n```", ["pre", "code"]],
])("%j has the lines of Windows", (text, tags) => {
  const found = JSON.stringify(parse(text)).matchAll(/"tag":"(\w+)"/g);
  expect([...found].map(([, tag]) => tag)).toEqual(tags);
  expect(read(text).replaceAll("\r", "")).not.toContain("\n\n\n");
});

test("tabs and spaces of code stay where they were", () => {
  const code = "\tif x:\n\t\treturn  1\n\n    pass";
  const [found] = find(parse(`\`\`\`python\n${code}\n\`\`\``) ?? [], "code");
  expect(textOf(found?.children ?? [])).toBe(`${code}\n`);
});
