import { createQuerySerializer } from "openapi-fetch";

/** Half of a character, as a program leaves behind that cuts a text in two. */
const HALF = /\p{Surrogate}/gu;

/**
 * Returns a value as JSON. Half of a character is no text in UTF-8, which a server refuses, so that
 * it becomes the sign for what cannot be read.
 */
export const json = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === "string" ? one.replace(HALF, "\ufffd") : one,
  );

const serialize = createQuerySerializer<Record<string, unknown>>();

/** Returns values as the query of an address; half of a character is what it is in JSON. */
export const query = (values: Record<string, unknown>): string =>
  serialize(JSON.parse(json(values)) as Record<string, unknown>);
