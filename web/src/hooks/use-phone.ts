import { useMediaQuery } from "@mantine/hooks";

/** Screens that have room for the chats or for one of them; page.css has the same bound. */
const PHONE = "(max-width: 47.99em)";

export const isPhone = (): boolean => matchMedia(PHONE).matches;

export const usePhone = (): boolean =>
  useMediaQuery(PHONE, isPhone(), { getInitialValueInEffect: false }) === true;
