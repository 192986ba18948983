import { type FocusEvent, type RefObject, useLayoutEffect, useRef } from "react";

/** True when a list has just gone that had the focus. */
let hadFocus = false;

/**
 * Keeps the focus in a list whose rows come and go, and which is made anew for another place: the
 * list itself takes the focus of a row that is not drawn any more. Returns its handlers.
 */
export function useKeptFocus(list: RefObject<HTMLElement | null>) {
  const focused = useRef<Element>(null);
  useLayoutEffect(() => {
    const isLost = hadFocus || focused.current?.isConnected === false;
    hadFocus = false;
    if (isLost && document.activeElement === document.body)
      list.current?.focus({ preventScroll: true });
  });
  useLayoutEffect(
    () => () => {
      hadFocus = focused.current !== null;
    },
    [],
  );
  return {
    onFocus: ({ target }: FocusEvent) => {
      focused.current = target;
    },
    onBlur: ({ target }: FocusEvent) => {
      if (target.isConnected) focused.current = null;
    },
  };
}
