/** Buttons that open something whose code is loaded after them. */

import { ActionIcon, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconDotsVertical, IconMoodSmile } from "@tabler/icons-react";
import { type ReactElement, type ReactNode, useState } from "react";

import { useMe } from "../hooks/use-world";
import { PersonAvatar } from "./avatar";
import { LazyBoundary } from "./lazy-boundary";

/** What a menu gives to its button is more than this, and is passed on to it. */
interface ButtonProps {
  onClick?: () => void;
  className?: string;
}

export const EmojiIcon = (props: ButtonProps) => (
  <ActionIcon
    variant="subtle"
    color="gray"
    size={38}
    radius="xl"
    aria-label="Emoji"
    visibleFrom="sm"
    {...props}
  >
    <IconMoodSmile size={20} stroke={1.7} />
  </ActionIcon>
);

export const ChatMenuIcon = (props: ButtonProps) => (
  <ActionIcon variant="subtle" color="gray" size={36} radius="xl" aria-label="Chat menu" {...props}>
    <IconDotsVertical size={20} />
  </ActionIcon>
);

export function AccountIcon({ className = "", ...props }: ButtonProps) {
  const me = useMe();
  return (
    <UnstyledButton {...props} className={`me ${className}`}>
      <PersonAvatar id={me.id} size={38} />
      <VisuallyHidden>{me.display_name}: account</VisuallyHidden>
    </UnstyledButton>
  );
}

interface LaterProps {
  button: (props: ButtonProps) => ReactElement;
  /** What stands in the place of the button once it is there. */
  children: (isOpenAtFirst: boolean) => ReactNode;
}

/** A button; pressed before what it opens is there, it opens that as soon as it is. */
export function Later({ button: Button, children }: LaterProps) {
  const [isAsked, ask] = useState(false);
  return (
    <LazyBoundary fallback={<Button onClick={() => ask(true)} />} isQuiet={!isAsked}>
      {children(isAsked)}
    </LazyBoundary>
  );
}
