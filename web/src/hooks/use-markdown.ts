import { useCallback, useSyncExternalStore } from "react";

import { listenForMarkdown, parsedMarkdown } from "../actions/markdown";
import type { MarkdownNode } from "../state/markdown";

/** Returns the elements of a text; none until they are known, and when it is shown as written. */
export function useMarkdown(text: string): readonly MarkdownNode[] | undefined {
  const subscribe = useCallback(
    (listener: () => void) => listenForMarkdown(text, listener),
    [text],
  );
  return useSyncExternalStore(subscribe, () => parsedMarkdown(text)) ?? undefined;
}
