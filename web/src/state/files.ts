import type { Attachment } from "@carrier/client";

const UNITS = ["B", "kB", "MB", "GB"];

/** Returns a size as `11 B`, `1.2 kB` or `25 MB`. */
export function fileSize(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const size = bytes / 1000 ** unit;
  return `${size.toFixed(unit === 0 || size >= 10 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Returns a bound of sizes as `25 MB` or `26.2 MB`: no more than it is. */
export function sizeLimit(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${Math.floor((bytes / 1000 ** unit) * 10) / 10} ${UNITS[unit]}`;
}

/** Types of the files that an avatar is made of. */
export const PICTURE_TYPES = "image/png,image/jpeg,image/webp,image/gif";

const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u200b\u2060\ufeff]/gu;

/** Returns the name of a file without characters that are not seen, which the server refuses. */
export const tidyName = (name: string): string => name.replace(HIDDEN, "").trim() || "file";

/** True for a file that is shown, not only downloaded. */
export const isPicture = ({ width, height }: Attachment): boolean =>
  width !== undefined && height !== undefined;

/** Returns the address of a file of a message. */
export const attachmentUrl = (chat: string, { hash }: Attachment): string =>
  `/v1/chats/${chat}/attachments/${hash}`;

/** Returns the names of the folders among what is dropped or pasted: they come as empty files. */
export const foldersOf = ({ items }: Pick<DataTransfer, "items">): string[] =>
  [...items]
    .flatMap((item) => (item.kind === "file" ? (item.webkitGetAsEntry() ?? []) : []))
    .flatMap((entry) => (entry.isDirectory ? entry.name : []));

/** What is neither the text of HTML nor a picture in it. */
const NO_TEXT = /<!--[\s\S]*?-->|<(style|title)\b[\s\S]*?<\/\1>|<[^>]*>|&nbsp;/gi;

/**
 * Returns the files of what is pasted. Programs that copy text with a form, as spreadsheets do, add
 * a picture of it, which nobody asked for; a browser that copies a picture adds its address.
 */
export function pastedFiles(data: Pick<DataTransfer, "files" | "getData">): File[] {
  const html = data.getData("text/html");
  const isText = data.getData("text/plain").trim() !== "" && html !== "";
  const isOnlyPicture = /<img\b/i.test(html) && html.replaceAll(NO_TEXT, "").trim() === "";
  return isText && !isOnlyPicture ? [] : [...data.files];
}

/** Bytes of this page's own pictures that are kept at most, besides the last. */
const MOST_LOCAL = 64_000_000;
/** Pictures that this page uploaded, by their hash, oldest first. */
const local = new Map<string, Blob>();

/** Keeps a picture that was uploaded: the server gives it to nobody before its message is there. */
export function keepLocal(
  { hash, width, content_type }: Pick<Attachment, "hash" | "width" | "content_type">,
  file: Blob,
): void {
  if (width === undefined) return;
  local.delete(hash);
  local.set(hash, file.slice(0, file.size, content_type)); // a browser may not know the type
  let bytes = [...local.values()].reduce((sum, { size }) => sum + size, 0);
  for (const [oldest, { size }] of local) {
    if (bytes <= MOST_LOCAL || local.size === 1) break;
    local.delete(oldest);
    bytes -= size;
  }
}

/** Returns a picture that this page uploaded. */
export const localPicture = (hash: string): Blob | undefined => local.get(hash);
