/**
 * The browser's storage. Where it is blocked or full, this page keeps in memory what it could not
 * store: that is gone after a reload, and all else goes on.
 */

type Values = Pick<Storage, "getItem" | "setItem" | "removeItem"> & { keys: () => string[] };

/** Returns a storage that takes everything; `open` throws where it is blocked. */
function lasting(open: () => Storage): Values {
  const memory = new Map<string, string>();
  /** Returns what is done with the storage, unless it is blocked or full. */
  const attempt = <T>(act: (storage: Storage) => T): T | undefined => {
    try {
      return act(open());
    } catch {
      return undefined;
    }
  };
  return {
    getItem: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key)) ?? null,
    setItem: (key, value) => {
      const isStored = attempt((storage) => {
        storage.setItem(key, value);
        return true;
      });
      if (isStored === true) memory.delete(key);
      else memory.set(key, value);
    },
    removeItem: (key) => {
      memory.delete(key);
      attempt((storage) => storage.removeItem(key));
    },
    keys: () => [...new Set([...(attempt(Object.keys) ?? []), ...memory.keys()])],
  };
}

/** What all tabs of this browser share. */
export const shared = lasting(() => localStorage);

/** What this tab keeps over a reload. */
export const ofTab = lasting(() => sessionStorage);
