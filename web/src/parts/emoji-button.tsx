import { Tooltip } from "@mantine/core";
import { useState } from "react";

import { AnyEmoji } from "./any-emoji";
import { EmojiIcon } from "./menu-buttons";
import { Popover } from "./overlays";

interface Props {
  onChoose: (emoji: string) => void;
  isOpenAtFirst: boolean;
}

/** Opens the picker of emoji. */
export default function EmojiButton({ onChoose, isOpenAtFirst }: Props) {
  const [isOpen, setOpen] = useState(isOpenAtFirst);
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      position="top-end"
      withinPortal
      trapFocus
      returnFocus
    >
      <Tooltip label="Emoji">
        <Popover.Target>
          <EmojiIcon onClick={() => setOpen(!isOpen)} />
        </Popover.Target>
      </Tooltip>
      <Popover.Dropdown p={6}>
        <AnyEmoji onChoose={onChoose} />
      </Popover.Dropdown>
    </Popover>
  );
}
