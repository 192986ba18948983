import type { MouseEvent } from "react";

/** The id of the main part of the page. */
export const MAIN = "main";

/** Leads past the list of chats; seen only by keyboard. */
export function SkipLink() {
  const skip = (event: MouseEvent) => {
    event.preventDefault();
    document.getElementById(MAIN)?.focus();
  };
  return (
    <a href={`#${MAIN}`} className="skip" onClick={skip}>
      Skip to chat
    </a>
  );
}
