/** The order of the folders of the page. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SRC = new URL("../src/", import.meta.url).pathname;

/** The folders that the files of a folder may import from, besides libraries. */
const WINGS: Record<string, string[]> = {
  state: ["state"],
  worker: ["state", "worker"],
  actions: ["state", "actions", "client", "early"],
  hooks: ["state", "actions", "hooks"],
  parts: ["state", "actions", "hooks", "parts"],
  screens: ["state", "actions", "hooks", "parts", "screens"],
};
/** Libraries that draw, which `state` and `actions` do without. */
const DRAWING = /^(react($|-|\/)|@mantine\/(?!notifications$)|@tabler|@tanstack|wouter|zustand$)/;

interface Import {
  file: string;
  wing: string;
  from: string;
}

const imports = (wing: string): Import[] =>
  readdirSync(`${SRC}${wing}`, { recursive: true, encoding: "utf8" }).flatMap((file) => {
    const text = readFileSync(`${SRC}${wing}/${file}`, "utf8");
    const found = text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g);
    return [...found].map(([, from = ""]) => ({ file: `${wing}/${file}`, wing, from }));
  });
const all = Object.keys(WINGS).flatMap(imports);
const isOurs = ({ from }: Import) => from.startsWith(".");

/** Returns the folder that an import is from, as `state`; a file of `src` is its own. */
function target({ wing, from }: Import): string {
  const path = new URL(from, `file:///${wing}/`).pathname;
  return path.split("/")[1] ?? "";
}

test("no folder imports from one above it", () => {
  expect(all.length).toBeGreaterThan(300);
  const wrong = all.filter((one) => isOurs(one) && !WINGS[one.wing]?.includes(target(one)));
  expect(wrong).toEqual([]);
});

test("what the page knows and does is not drawn", () => {
  const isPure = ({ wing }: Import) => wing === "state" || wing === "actions";
  expect(all.filter((one) => isPure(one) && DRAWING.test(one.from))).toEqual([]);
});

test("state shows no notifications", () => {
  const isMantine = ({ wing, from }: Import) => wing === "state" && from.startsWith("@mantine/");
  expect(all.filter(isMantine)).toEqual([]);
});

test("only actions call the API", () => {
  const calls = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => {
    if (!/\.tsx?$/.test(file)) return false;
    const text = readFileSync(SRC + file, "utf8");
    return /\bapi\.(GET|POST|PUT|PATCH|DELETE)\b|\bcarrier\.\w+\(|new Carrier\(|\bfetch\(/.test(
      text,
    );
  });
  const others = calls.filter((file) => !file.startsWith("actions/"));
  expect(others.sort()).toEqual(["client.ts", "early.ts"]);
});
