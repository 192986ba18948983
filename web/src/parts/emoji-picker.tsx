/** All emoji, to be searched and chosen; loaded when somebody asks for them. */

import { Center, Loader } from "@mantine/core";
import { EmojiPicker, type EmojiDataResolver } from "frimousse";

/** What browsers of the last years can draw. */
const NEWEST_VERSION = 15;
const TONES = ["light", "medium-light", "medium", "medium-dark", "dark"] as const;

/** The picker would fetch its data from elsewhere: ours comes with the page. */
const resolveEmojiData: EmojiDataResolver = async (locale) => {
  const [{ default: all }, { default: messages }] = await Promise.all([import("emojibase-data/en/data.json"), import("emojibase-data/en/messages.json")]);
  const tones = <Of,>(of: (at: number) => Of) => Object.fromEntries(TONES.map((tone, at) => [tone, of(at)])) as Record<(typeof TONES)[number], Of>;
  const groups = messages.groups.filter(({ key }) => key !== "component");
  return {
    locale,
    emojis: all
      .filter(({ group, version }) => version <= NEWEST_VERSION && groups.some(({ order }) => order === group))
      .map(({ emoji, group, label, version, tags, skins }) => {
        // Emoji of two people have a tone for each; those of one tone come first.
        const alike = skins?.filter(({ tone }) => typeof tone === "number") ?? [];
        return {
          emoji,
          category: Number(group),
          label,
          version,
          tags: tags ?? [],
          ...(alike.length === TONES.length && { skins: tones((at) => alike[at]!.emoji) }),
        };
      }),
    categories: groups.map(({ order, message }) => ({ index: order, label: message })),
    skinTones: tones((at) => messages.skinTones.find(({ key }) => key === TONES[at])?.message ?? TONES[at]!),
  };
};

const Loading = () => (
  <Center h="100%">
    <Loader type="dots" aria-label="Loading emoji" />
  </Center>
);

export default function EmojiChooser({ onChoose }: { onChoose: (emoji: string) => void }) {
  return (
    <EmojiPicker.Root className="emoji-picker" columns={8} resolveEmojiData={resolveEmojiData} onEmojiSelect={({ emoji }) => onChoose(emoji)}>
      <EmojiPicker.Search className="emoji-search" placeholder="Search emoji" aria-label="Search emoji" autoFocus />
      <EmojiPicker.Viewport className="emoji-viewport">
        <EmojiPicker.Loading>
          <Loading />
        </EmojiPicker.Loading>
        <EmojiPicker.Empty>{({ search }) => <Center h="100%">Nothing is called “{search}”.</Center>}</EmojiPicker.Empty>
        <EmojiPicker.List
          components={{
            CategoryHeader: ({ category, ...props }) => (
              <div {...props} className="emoji-category">
                {category.label}
              </div>
            ),
            // The library counts rows and columns from 0, ARIA from 1; but a row is found again by its number.
            Row: ({ children, ...props }) => (
              <div {...props} aria-rowindex={Number(props["aria-rowindex"]) || undefined} className="emoji-row">
                {children}
              </div>
            ),
            Emoji: ({ emoji, ...props }) => (
              <button {...props} aria-colindex={Number(props["aria-colindex"]) + 1} type="button" className="emoji" data-active={emoji.isActive || undefined}>
                {emoji.emoji}
              </button>
            ),
          }}
        />
      </EmojiPicker.Viewport>
    </EmojiPicker.Root>
  );
}
