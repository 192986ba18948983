import { Center, Loader } from "@mantine/core";
import { lazy } from "react";

import { LazyBoundary } from "./lazy-boundary";

const EmojiPicker = lazy(() => import("./emoji-picker"));

const PickerLoader = () => (
  <Center className="emoji-picker">
    <Loader type="dots" aria-label="Loading" />
  </Center>
);

/** The picker of all emoji, which is loaded when it is opened. */
export function AnyEmoji({ onChoose }: { onChoose: (emoji: string) => void }) {
  return (
    <LazyBoundary fallback={<PickerLoader />}>
      <EmojiPicker onChoose={onChoose} />
    </LazyBoundary>
  );
}
