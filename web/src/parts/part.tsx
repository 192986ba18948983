/** A part of the page that is loaded when it is needed; without a network it may not come, and then the rest goes on. */

import { notifications } from "@mantine/notifications";
import { type ReactNode, Suspense } from "react";
import { ErrorBoundary } from "react-error-boundary";

/** `instead` stands in its place until it is there, and if it never is. */
export function Part({ children, instead = null, isQuiet = false }: { children: ReactNode; instead?: ReactNode; isQuiet?: boolean }) {
  const tell = () => void (isQuiet || notifications.show({ color: "red", message: "This could not be loaded. Are you online?" }));
  return (
    <ErrorBoundary fallback={instead} onError={tell}>
      <Suspense fallback={instead}>{children}</Suspense>
    </ErrorBoundary>
  );
}
