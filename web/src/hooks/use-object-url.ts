import { useEffect, useState } from "react";

/** Returns a URL of a picture of this page's own, for as long as it is shown. */
export function useObjectUrl(picture: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (picture?.type.startsWith("image/") !== true) return;
    const created = URL.createObjectURL(picture);
    setUrl(created);
    return () => URL.revokeObjectURL(created);
  }, [picture]);
  return url;
}
