/** The picker of all emoji, which is loaded when it is opened. */

import { Center, Loader } from "@mantine/core";
import {
  type EmojiDataResolver,
  type EmojiPickerListCategoryHeaderProps,
  type EmojiPickerListEmojiProps,
  type EmojiPickerListRowProps,
  EmojiPicker as Picker,
} from "frimousse";

import { focusNow } from "../hooks/focus-now";

/** The newest version of emoji that browsers of the last years can draw. */
const NEWEST_VERSION = 15;
const TONES = ["light", "medium-light", "medium", "medium-dark", "dark"] as const;
type Tones = Record<(typeof TONES)[number], string>;

const tones = (labelOf: (at: number) => string) =>
  Object.fromEntries(TONES.map((tone, at) => [tone, labelOf(at)])) as Tones;

/** Loads the data that comes with the page; the picker would fetch it from elsewhere. */
const resolveEmojiData: EmojiDataResolver = async (locale) => {
  const [{ default: all }, { default: messages }] = await Promise.all([
    import("emojibase-data/en/data.json"),
    import("emojibase-data/en/messages.json"),
  ]);
  const groups = messages.groups.filter(({ key }) => key !== "component");
  const isShown = ({ group, version }: (typeof all)[number]) =>
    version <= NEWEST_VERSION && groups.some(({ order }) => order === group);
  return {
    locale,
    emojis: all.filter(isShown).map(({ emoji, group, label, version, tags, skins }) => {
      // Emoji of two people have a tone for each; those of one tone come first.
      const alike = skins?.filter(({ tone }) => typeof tone === "number") ?? [];
      return {
        emoji,
        category: Number(group),
        label,
        version,
        tags: tags ?? [],
        ...(alike.length === TONES.length && { skins: tones((at) => alike[at]?.emoji ?? emoji) }),
      };
    }),
    categories: groups.map(({ order, message }) => ({ index: order, label: message })),
    skinTones: tones((at) => {
      const tone = TONES[at] ?? "";
      return messages.skinTones.find(({ key }) => key === tone)?.message ?? tone;
    }),
  };
};

const Loading = () => (
  <Center h="100%">
    <Loader type="dots" aria-label="Loading emoji" />
  </Center>
);

const CategoryHeader = ({ category, ...props }: EmojiPickerListCategoryHeaderProps) => (
  <div {...props} className="emoji-category">
    {category.label}
  </div>
);

// The library counts rows and columns from 0, ARIA from 1; but a row is found again by its number.
const Row = ({ children, ...props }: EmojiPickerListRowProps) => (
  // biome-ignore lint/a11y/useAriaPropsSupportedByRole: the library gives it the role of a row
  <div {...props} aria-rowindex={Number(props["aria-rowindex"]) || undefined} className="emoji-row">
    {children}
  </div>
);

const Emoji = ({ emoji, ...props }: EmojiPickerListEmojiProps) => (
  // biome-ignore lint/a11y/useAriaPropsSupportedByRole: the library gives it the role of a cell
  <button
    {...props}
    aria-colindex={Number(props["aria-colindex"]) + 1}
    type="button"
    className="emoji"
    data-active={emoji.isActive || undefined}
  >
    {emoji.emoji}
  </button>
);

/** Emoji in a row: a finger needs more room for each. */
const columns = () => (matchMedia("(pointer: coarse)").matches ? 6 : 8);

const COMPONENTS = { CategoryHeader, Row, Emoji };

export default function EmojiPicker({ onChoose }: { onChoose: (emoji: string) => void }) {
  return (
    <Picker.Root
      className="emoji-picker"
      columns={columns()}
      resolveEmojiData={resolveEmojiData}
      onEmojiSelect={({ emoji }) => onChoose(emoji)}
    >
      <Picker.Search
        className="emoji-search"
        placeholder="Search emoji"
        aria-label="Search emoji"
        ref={focusNow}
      />
      <Picker.Viewport className="emoji-viewport">
        <Picker.Loading>
          <Loading />
        </Picker.Loading>
        <Picker.Empty>
          {({ search }) => <Center h="100%">No emoji found for “{search}”.</Center>}
        </Picker.Empty>
        <Picker.List components={COMPONENTS} />
      </Picker.Viewport>
    </Picker.Root>
  );
}
