import { notifyFailure } from "../actions/attempt";
import { sizeLimit } from "../state/files";
import { useLimits } from "./use-world";

/** Returns a handler of a chosen picture that takes none which is too large for an avatar. */
export function usePictureLimit(onPicture: (image: File) => void): (image: File | null) => void {
  const { avatar_bytes: most } = useLimits();
  return (image) => {
    if (image === null) return;
    if (image.size > most) notifyFailure(`A picture can be at most ${sizeLimit(most)}.`);
    else onPicture(image);
  };
}
