/** The picture of a person or a group, and whether they are online. */

import type { Chat } from "@carrier/client";
import { Avatar, Indicator } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";
import type { CSSProperties } from "react";

import { usePerson } from "../hooks/use-person";
import { useWorld } from "../hooks/use-world";
import { initialsOf } from "../state/characters";
import { withFewMarks } from "../state/markdown";
import type { Profile } from "../state/world";

/** The number of colours that tell people apart; page.css has them, for day and for night. */
const HUES = 7;

/** Returns the colour of a person's name and initials, always the same. */
export function hueOf(id: string): CSSProperties {
  const number = Number.parseInt(id.slice(-6), 16) % HUES; // the end of an id is random
  return { "--hue": `var(--hue-${Number.isNaN(number) ? 0 : number})` } as CSSProperties;
}

/** Returns the address of a picture, in the size that fits. */
function pictureUrl(url: string | undefined, size: number): string | null {
  if (url === undefined) return null;
  return `${url}${url.includes("?") ? "&" : "?"}size=${size > 48 ? 256 : 96}`;
}

interface Props {
  id: string;
  /** The profile, where it is known before the world knows it. */
  person?: Profile | undefined;
  size?: number;
  /** Shows whether the person is online. */
  presence?: boolean;
}

export function PersonAvatar({ id, person, size = 40, presence = false }: Props) {
  const known = usePerson(id);
  const me = useWorld((world) => (world.me?.id === id ? world.me : undefined));
  const isOnline = useWorld((world) => presence && world.presence[id]?.online === true);
  const shown = me ?? known ?? person;
  const avatar = (
    <Avatar
      src={pictureUrl(shown?.avatar_url, size)}
      className="avatar"
      style={hueOf(id)}
      size={size}
      radius={size}
      alt=""
      aria-hidden
      imageProps={{ loading: "lazy" }}
    >
      {initialsOf(withFewMarks(shown?.display_name ?? "?"))}
    </Avatar>
  );
  if (!presence) return avatar;
  return (
    <Indicator
      disabled={!isOnline}
      color="teal"
      position="bottom-end"
      offset={size / 8}
      size={size / 3.6}
      withBorder
    >
      {avatar}
    </Indicator>
  );
}

export function ChatAvatar({ chat, size = 46 }: { chat: Chat; size?: number }) {
  const { kind, peer } = chat;
  if (kind === "direct" && peer !== undefined)
    return <PersonAvatar id={peer.id} person={peer} size={size} presence />;
  return (
    <Avatar
      src={pictureUrl(chat.avatar_url, size)}
      color="harbor"
      size={size}
      radius={size}
      alt=""
      aria-hidden
    >
      {kind === "direct" ? "?" : <IconUsers size={size * 0.5} stroke={1.6} />}
    </Avatar>
  );
}
