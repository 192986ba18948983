/** The places in which chats were left, for when they are opened again. */

/** A message, and its distance from the top of the list, in pixels. */
export interface Place {
  id: number;
  top: number;
}

const places = new Map<string, Place>();

export const placeOf = (chat: string): Place | undefined => places.get(chat);

/** Keeps the place of a chat; `undefined` for its end. */
export function keepPlace(chat: string, place: Place | undefined): void {
  if (place === undefined) places.delete(chat);
  else places.set(chat, place);
}
