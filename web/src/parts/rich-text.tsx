/** The text of a message: Markdown, without HTML (a tag is shown as the text that it is). */

import { memo, type ReactNode } from "react";

import { useMarkdown } from "../hooks/use-markdown";
import { isOnlyEmoji } from "../state/characters";
import { withFewMarks } from "../state/markdown";
import { Markdown, markMentions } from "./markdown";

interface Props {
  text: string;
  /** The usernames of the people who are mentioned, in small letters. */
  names: ReadonlySet<string>;
  /** Stands in the last line of the text. */
  foot: ReactNode;
}

export const RichText = memo(function RichText({ text: written, names, foot }: Props) {
  const text = withFewMarks(written);
  const nodes = useMarkdown(text);
  if (nodes !== undefined) return <Markdown nodes={nodes} names={names} foot={foot} />;
  return (
    <p className="text" dir="auto" data-emoji={isOnlyEmoji(text) || undefined}>
      <span className="plain-text">{markMentions(text, names)}</span>
      {foot}
    </p>
  );
});
