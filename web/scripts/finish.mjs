// After a build: makes the page of the chats, compresses what can be, and fails when the page has
// become too heavy.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/** The bound of what is loaded, compressed, until an account sees its messages, in kB. */
const MOST_KB = 128;

const dist = new URL("../dist", import.meta.url).pathname;
const skeleton = readFileSync(new URL("../src/skeleton.html", import.meta.url), "utf8");
const assets = readdirSync(join(dist, "assets"));
const named = (name, ending) => {
  const pattern = new RegExp(`^${name}-[\\w-]{8}\\.${ending}$`);
  const found = assets.filter((file) => pattern.test(file));
  if (found.length !== 1) throw new Error(`${found.length} files are called ${name}.${ending}`);
  return found[0];
};

/** Returns the scripts that are loaded with one: its imports, not those that may come later. */
function withImports(name, all = new Set()) {
  if (all.has(name)) return all;
  all.add(name);
  const text = readFileSync(join(dist, "assets", name), "utf8");
  for (const [, other] of text.matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+\.js)"/g))
    withImports(other, all);
  return all;
}

const [first, entry, shell, visitor] = ["first", "index", "shell", "visitor"].map((name) =>
  named(name, "js"),
);
const style = named("index", "css");
const front = withImports(visitor, withImports(entry));
const opened = withImports(shell, withImports(entry, withImports(first)));
const index = readFileSync(join(dist, "index.html"), "utf8");

/** Writes a page that loads all of its scripts at once. */
function write(name, page, scripts) {
  const links = [...scripts]
    .filter((script) => !page.includes(script))
    .map((script) => `<link rel="modulepreload" crossorigin href="/assets/${script}">`);
  const text = page.replace('<script type="module"', (tag) => [...links, tag].join("\n    "));
  writeFileSync(join(dist, name), text);
}

// The page at the chats: a skeleton before anything else is there, and a first script that asks for
// the chats while the others are loaded. The style stands after the skeleton, which needs none.
const link = /<link rel="stylesheet"[^>]*>/.exec(index)[0];
const chats = index
  .replace(link, `<link rel="preload" as="style" crossorigin href="/assets/${style}">`)
  .replace('<div id="page">', `${skeleton.trim()}\n    ${link}\n    <div id="page">`)
  .replace(
    '<script type="module"',
    `<link rel="preload" href="/v1/meta" as="fetch" crossorigin>
    <script type="module" async crossorigin src="/assets/${first}"></script>
    <script type="module"`,
  );
write("index.html", index, front);
write("chats.html", chats, opened);

const sizes = new Map();
for (const folder of [dist, join(dist, "assets")]) {
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((file) =>
    file.isFile(),
  )) {
    if (!/\.(js|css|svg|html)$/.test(name)) continue;
    const path = join(folder, name);
    const short = brotliCompressSync(readFileSync(path), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
    });
    writeFileSync(`${path}.br`, short);
    sizes.set(name, short.length);
  }
}

const kB = (names) => [...names].reduce((sum, name) => sum + sizes.get(name), 0) / 1000;
const weight = kB(["chats.html", style, ...opened]);
console.log(
  `compressed: ${kB(["index.html", style, ...front]).toFixed(0)} kB for the first page, ` +
    `${weight.toFixed(0)} kB until messages are there (at most ${MOST_KB})`,
);
if (weight > MOST_KB) {
  const list = [style, ...opened].map((name) => `${name} ${sizes.get(name)}`).join(", ");
  console.error(`The page is too heavy: ${list}`);
  process.exit(1);
}
