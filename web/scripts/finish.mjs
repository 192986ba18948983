// After a build: compresses what can be, and fails when the page has become too heavy.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

/** Compressed script until somebody who is logged in sees their chats, in kB. */
const MOST_KB = 200;

const dist = new URL("../dist", import.meta.url).pathname;
const sizes = new Map();
for (const folder of [dist, join(dist, "assets")]) {
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    if (!/\.(js|css|svg|html)$/.test(name)) continue;
    const path = join(folder, name);
    const short = brotliCompressSync(readFileSync(path), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    writeFileSync(`${path}.br`, short);
    sizes.set(name, short.length);
  }
}

/** What is loaded with a module: what it imports, not what it may import later. */
function withImports(name, all = new Set()) {
  if (all.has(name)) return all;
  all.add(name);
  const text = readFileSync(join(dist, "assets", name), "utf8");
  for (const [, other] of text.matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+\.js)"/g)) withImports(other, all);
  return all;
}

const entry = /assets\/(index-[^"]+\.js)/.exec(readFileSync(join(dist, "index.html"), "utf8"))[1];
const shell = [...sizes.keys()].find((name) => /^shell-.*\.js$/.test(name));
const kB = (names) => [...names].reduce((sum, name) => sum + sizes.get(name), 0) / 1000;
const [front, chats] = [withImports(entry), withImports(shell, withImports(entry))].map(kB);
console.log(`script, compressed: ${front.toFixed(0)} kB for the first page, ${chats.toFixed(0)} kB until chats are there (at most ${MOST_KB})`);
if (chats > MOST_KB) {
  console.error(`The page is too heavy: ${[...withImports(shell, withImports(entry))].map((name) => `${name} ${sizes.get(name)}`).join(", ")}`);
  process.exit(1);
}
