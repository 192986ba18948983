/** The styles of Mantine's components are loaded one by one. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const SRC = new URL("../src/", import.meta.url).pathname;
const CORE = new URL("../node_modules/@mantine/core/", import.meta.url).pathname;
const read = (path: string) => readFileSync(path, "utf8");
const STYLES = read(`${SRC}mantine.css`);

/** The files of what `@mantine/core` exports, by name. */
const exported = new Map(
  [...read(`${CORE}esm/index.mjs`).matchAll(/import {([^}]*)} from "([^"]+)"/g)].flatMap(
    ([, names = "", file = ""]) =>
      names.split(",").map((name) => [name.trim().split(" as ").at(-1), file] as const),
  ),
);

/** Collects the names of the styles that a file of Mantine uses, and those it imports. */
function stylesOf(file: string, seen: Set<string>, styles: Set<string>): void {
  if (seen.has(file)) return;
  seen.add(file);
  for (const [, from = ""] of read(file).matchAll(/from "(\.[^"]+)"/g)) {
    const style = /([^/]+)\.module\.mjs$/.exec(from)?.[1];
    if (style === undefined) stylesOf(join(dirname(file), from), seen, styles);
    else styles.add(style);
  }
}

test("each component that is used has its styles, and no other", () => {
  const names = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) => [
      ...read(SRC + file).matchAll(/(?:import|export) {([^}]*)} from "@mantine\/core"/g),
    ])
    .flatMap(([, all = ""]) => all.split(","))
    .map((name) => name.trim().split(" as ")[0] ?? "")
    .filter((name) => name !== "" && !name.startsWith("type "));
  expect(names.length).toBeGreaterThan(50);
  const styles = new Set(["Notification"]); // of @mantine/notifications
  const seen = new Set<string>();
  for (const name of names) {
    const file = exported.get(name);
    if (file !== undefined) stylesOf(join(CORE, "esm", file), seen, styles);
  }
  const needed = [...styles].filter((name) => existsSync(`${CORE}styles/${name}.css`));
  const loaded = [...STYLES.matchAll(/core\/styles\/([A-Z]\w+)\.css/g)].map(([, name]) => name);
  expect(loaded.toSorted()).toEqual(needed.toSorted());
});

test("styles stand in the order in which Mantine has them", () => {
  const all = read(`${CORE}styles.css`);
  const places = [...STYLES.matchAll(/core\/styles\/([A-Z]\w+)\.css/g)].map(([, name]) => {
    const mark = /\.m_[0-9a-f]+/.exec(read(`${CORE}styles/${name}.css`))?.[0] ?? "";
    return all.indexOf(mark);
  });
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});
