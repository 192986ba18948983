import { expect, test } from "vitest";

import { type PickedFile, readiness } from "../src/state/composers";

const LIMITS = { body: 10, subject: 5 };
const file = (more: Partial<PickedFile> = {}): PickedFile => ({
  key: 1,
  file: new File(["a"], "a.txt"),
  progress: 0,
  abort: new AbortController(),
  ...more,
});
const uploaded = { name: "a.txt", hash: "a", size: 1, content_type: "text/plain" };

test.each([
  ["", {}, "never"],
  ["  ", {}, "never"],
  ["hello", {}, "now"],
  ["hello hello", {}, "never"],
  ["\u{1f389}".repeat(10), {}, "now"], // characters, not units of UTF-16
  ["hello", { subject: "long one" }, "never"],
  ["", { files: [file()] }, "later"],
  ["", { files: [file({ uploaded })] }, "now"],
  ["hello", { files: [file({ uploaded }), file()] }, "later"],
  ["hello", { files: [file({ failed: "No connection." }), file()] }, "never"],
] as const)("%j with %j can be sent %s", (draft, begun, state) => {
  expect(readiness({ files: [], ...begun }, draft, LIMITS)).toBe(state);
});
