/** My account: profile, password, sessions, and the people I block. */

import { type components, value } from "@carrier/client";

import { api, carrier } from "../client";
import { putBlocked } from "../state/blocked";
import { change } from "../state/world";

type Schemas = components["schemas"];

/** Changes my profile; a bio of `null` is removed. */
export async function changeProfile(
  body: Omit<Schemas["PatchAccount"], "bio"> & { bio: string | null },
): Promise<void> {
  change({ me: await carrier.changeAccount(body as Schemas["PatchAccount"]) });
}

export async function setPicture(image: Blob): Promise<void> {
  change({ me: await carrier.setAvatar(image) });
}

export async function removePicture(): Promise<void> {
  change({ me: value(await api.DELETE("/users/me/avatar")) });
}

export async function changePassword(body: Schemas["NewPassword"]): Promise<void> {
  await carrier.changePassword(body);
}

export async function fetchSessions(): Promise<Schemas["SessionView"][]> {
  return value(await api.GET("/auth/sessions")).items;
}

export async function endSession(id: string): Promise<void> {
  const params = { path: { session_id: id } };
  value(await api.DELETE("/auth/sessions/{session_id}", { params }));
}

export async function endOtherSessions(): Promise<void> {
  value(await api.DELETE("/auth/sessions"));
}

/** Loads the people I block. */
export async function loadBlocked(): Promise<void> {
  putBlocked(value(await api.GET("/users/me/blocks")).items);
}

export async function block(user: string): Promise<void> {
  const params = { path: { user_id: user } };
  value(await api.PUT("/users/me/blocks/{user_id}", { params }));
  await loadBlocked();
}

export async function unblock(user: string): Promise<void> {
  const params = { path: { user_id: user } };
  value(await api.DELETE("/users/me/blocks/{user_id}", { params }));
  await loadBlocked();
}
