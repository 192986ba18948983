/** The picture of a person or a group, and whether they are there. */

import { Avatar, Indicator } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";
import type { Chat } from "@carrier/client";
import type { CSSProperties } from "react";

import { picture } from "../carrier";
import { usePerson } from "../state/people";
import { type Profile, useWorld } from "../state/world";

/** So many colours tell people apart; page.css has them, for day and for night. */
const HUES = 7;

/** The colour of somebody, always the same, for their name and their initials. */
export function hueOf(id: string): CSSProperties {
  const number = Number.parseInt(id.slice(-6), 16) % HUES; // the end of an id is random
  return { "--hue": `var(--hue-${Number.isNaN(number) ? 0 : number})` } as CSSProperties;
}

export function PersonFace({ id, person, size = 40, presence = false }: { id: string; person?: Profile | undefined; size?: number; presence?: boolean }) {
  const known = usePerson(id);
  const isMe = useWorld((world) => world.me?.id === id);
  const me = useWorld((world) => (isMe ? world.me : undefined));
  const isOnline = useWorld((world) => presence && world.presence[id]?.online === true);
  const one = me ?? known ?? person;
  const face = (
    <Avatar src={picture(one?.avatar_url, size) ?? null} name={one?.display_name ?? "?"} className="face" style={hueOf(id)} size={size} radius={size} alt="" aria-hidden imageProps={{ loading: "lazy" }} />
  );
  if (!presence) return face;
  return (
    <Indicator disabled={!isOnline} color="teal" position="bottom-end" offset={size / 8} size={size / 3.6} withBorder>
      {face}
    </Indicator>
  );
}

export function ChatFace({ chat, size = 46 }: { chat: Chat; size?: number }) {
  if (chat.kind === "direct" && chat.peer !== undefined) return <PersonFace id={chat.peer.id} person={chat.peer} size={size} presence />;
  return (
    <Avatar src={picture(chat.avatar_url, size) ?? null} color="harbor" size={size} radius={size} alt="" aria-hidden>
      {chat.kind === "direct" ? "?" : <IconUsers size={size * 0.5} stroke={1.6} />}
    </Avatar>
  );
}
