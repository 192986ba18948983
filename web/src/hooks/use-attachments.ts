import { notifyFailure } from "../actions/attempt";
import { changeFiles, sendWaiting, startUpload } from "../actions/composing";
import type { PickedFile } from "../state/composers";
import { isolated } from "../state/direction";
import { sizeLimit } from "../state/files";
import { useBegun, useLimits } from "./use-world";

let keys = 0;

/** The files of the next message, which are uploaded as soon as they are picked. */
export function useAttachments(chat: string) {
  const { attachments: most, attachment_bytes: mostBytes } = useLimits();
  const { files } = useBegun(chat);

  const add = (picked: Iterable<File>, folders: readonly string[] = []) => {
    const all = [...picked].filter(({ name }) => !folders.includes(name));
    for (const name of folders)
      notifyFailure(`“${isolated(name)}” is a folder. Choose the files in it.`);
    const small = all.filter(({ size }) => size > 0 && size <= mostBytes);
    for (const { name, size } of all) {
      const named = `“${isolated(name)}”`;
      if (size === 0) notifyFailure(`${named} is empty. Choose a file with something in it.`);
      else if (size > mostBytes)
        notifyFailure(`${named} is too large. A file can be at most ${sizeLimit(mostBytes)}.`);
    }
    const more = small
      .slice(0, most - files.length)
      .map(
        (file): PickedFile => ({ key: ++keys, file, progress: 0, abort: new AbortController() }),
      );
    if (more.length < small.length) notifyFailure(`A message can have at most ${most} files.`);
    changeFiles(chat, (known) => [...known, ...more]);
    for (const one of more) void startUpload(chat, one);
  };

  const remove = ({ key, abort }: PickedFile) => {
    abort.abort();
    changeFiles(chat, (all) => all.filter((other) => other.key !== key));
    sendWaiting(chat);
  };

  const retry = (one: PickedFile) => {
    const { failed: _, ...ready } = { ...one, progress: 0 };
    changeFiles(chat, (all) => all.map((other) => (other.key === one.key ? ready : other)));
    void startUpload(chat, one);
  };

  return { files, add, remove, retry };
}
