import { expect, test } from "vitest";

import { keepLocal, localPicture } from "../src/state/files";

const content_type = "image/png";

/** A picture of so many bytes, which are not there, whose type the browser does not know. */
const picture = (megabytes: number) => {
  const size = megabytes * 1_000_000;
  return { size, slice: (_: number, end: number, type: string) => ({ size: end, type }) } as Blob;
};
const keep = (hash: string, megabytes: number) =>
  keepLocal({ hash, width: 1, content_type }, picture(megabytes));

test("pictures of this page are kept by their bytes, the last in any case", () => {
  keepLocal({ hash: "no picture", content_type }, picture(1));
  expect(localPicture("no picture")).toBeUndefined();
  for (let at = 0; at < 100; at++) keep(`small ${at}`, 0.5);
  expect(localPicture("small 0")).toBeDefined(); // many small ones are kept
  keep("large", 20);
  expect(localPicture("small 0")).toBeUndefined();
  expect(localPicture("small 99")).toBeDefined();
  keep("huge", 100);
  expect(localPicture("large")).toBeUndefined();
  expect(localPicture("huge")?.size).toBe(100_000_000);
  expect(localPicture("huge")?.type).toBe(content_type); // as the server found it
});
