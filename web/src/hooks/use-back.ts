import { useEffect, useEffectEvent, useState } from "react";
import type { AroundNavHandler } from "wouter";

import { type Layer, Layers } from "./layers";

const layers = new Layers({
  get state() {
    return history.state;
  },
  push: (state) => history.pushState({ ...history.state, ...state }, ""),
  replace: (state) => history.replaceState(state, ""),
  go: (by) => history.go(by),
});
addEventListener("popstate", () => layers.follow());

const LIST = "/c";

/** Returns by how many entries the list of chats came before the present one, if it did. */
const sinceList = (): number | undefined =>
  location.pathname === LIST ? 0 : history.state?.sinceList;

/**
 * Goes to another address from the page itself, whatever lies over it. Who goes to the list of
 * chats in the place of a chat, and came from there, goes back to it: so Back leads into no chat.
 */
export const aroundLayers: AroundNavHandler = (navigate, to, options) => {
  const replaces = options?.replace === true;
  layers.leave((replace) => {
    const since = sinceList();
    if (to === LIST && replaces && since !== undefined) {
      if (since > 0) history.go(-since);
      return;
    }
    const state = since === undefined ? null : { sinceList: replaces ? since : since + 1 };
    navigate(to, { ...options, replace, state });
  }, replaces);
};

/** Lets Back close what lies over the page, while it is open. */
export function useBack(isOpen: boolean, close: () => void): void {
  useLayer(isOpen, close, false);
}

/** Lets Back and Esc close a dialog, and gives the focus back to what had it before. */
export function useDialog(close: () => void): void {
  const [opener] = useState(() => openerOf(document.activeElement));
  useLayer(true, close, true);
  useEffect(
    () => () => {
      setTimeout(() => {
        if (document.activeElement === document.body) opener?.focus({ preventScroll: true });
      });
    },
    [opener],
  );
}

function useLayer(isOpen: boolean, close: () => void, hasEscape: boolean): void {
  const onClose = useEffectEvent(close);
  useEffect(() => {
    if (!isOpen) return;
    const layer: Layer = { close: () => onClose() };
    const remove = layers.add(layer);
    // Of several dialogs, a key closes the topmost only.
    const onKeyDown = ({ key }: KeyboardEvent) => {
      if (key === "Escape" && hasEscape && layers.isTopmost(layer)) onClose();
    };
    addEventListener("keydown", onKeyDown, { capture: true });
    return () => {
      removeEventListener("keydown", onKeyDown, { capture: true });
      remove();
    };
  }, [isOpen, hasEscape]);
}

/** Returns what had the focus: the button of a menu in the place of an item, which is gone soon. */
function openerOf(element: Element | null): HTMLElement | undefined {
  const button = element?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  const opener = button == null ? element : document.getElementById(button);
  return opener instanceof HTMLElement ? opener : undefined;
}
