/** Everything that lies over the page is closed by Back: two files draw it. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SRC = new URL("../src/", import.meta.url).pathname;
/** What Mantine has that lies over a page; a tooltip is not opened, and goes by itself. */
const OVERLAYS = /\b(?:Menu|Popover|Modal|Drawer|Dialog|HoverCard|Combobox|Select|Autocomplete)\b/;

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => ({ file, text: readFileSync(SRC + file, "utf8") }));

test("Mantine's overlays are used by two files", () => {
  const uses = ({ text }: { text: string }) =>
    [...text.matchAll(/import\s*{([^}]*)}\s*from "@mantine\/core"/g)].some(([, names = ""]) =>
      names.split(",").some((name) => !/^\s*type /.test(name) && OVERLAYS.test(name)),
    );
  expect(
    files
      .filter(uses)
      .map(({ file }) => file)
      .sort(),
  ).toEqual(["parts/dialogs.tsx", "parts/overlays.tsx"]);
});

test("a dialog of the browser is closed by Back, too", () => {
  const withDialog = files.filter(({ text }) => /<dialog\b/.test(text));
  expect(withDialog.length).toBeGreaterThan(0);
  expect(withDialog.filter(({ text }) => !/\buseBack\(/.test(text))).toEqual([]);
});
