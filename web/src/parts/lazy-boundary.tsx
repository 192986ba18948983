import { type ReactNode, Suspense } from "react";
import { ErrorBoundary } from "react-error-boundary";

import { notifyFailure } from "../actions/attempt";

interface Props {
  children: ReactNode;
  /** Stands in the place of the children until they are there, and if they never are. */
  fallback?: ReactNode;
  /** Says nothing when they cannot be loaded. */
  isQuiet?: boolean;
}

/**
 * Holds components that are loaded when they are needed; without a network they may not come, and
 * the rest of the page goes on.
 */
export function LazyBoundary({ children, fallback = null, isQuiet = false }: Props) {
  const onError = () => {
    if (!isQuiet) notifyFailure("This couldn’t be loaded. Are you online?");
  };
  return (
    <ErrorBoundary fallback={fallback} onError={onError}>
      <Suspense fallback={fallback}>{children}</Suspense>
    </ErrorBoundary>
  );
}
