import { lazy, type ReactElement } from "react";

import { LazyBoundary } from "./lazy-boundary";

const Tooltip = lazy(() => import("./tooltip"));

interface Props {
  label: string;
  openDelay?: number;
  /** The part of the page that it is in; a chat by default. */
  portalProps?: { target: string };
  children: ReactElement;
}

/** A word about a button, which is shown beside it once the code for that is there. */
export function Hint({ children, ...props }: Props) {
  return (
    <LazyBoundary fallback={children} isQuiet>
      <Tooltip {...props}>{children}</Tooltip>
    </LazyBoundary>
  );
}
