import { useEffect } from "react";

/** Takes away the skeleton that stands in the page until there is something to show. */
export function useNoSkeleton(isReady: boolean): void {
  useEffect(() => {
    if (isReady) document.getElementById("skeleton")?.remove();
  }, [isReady]);
}
