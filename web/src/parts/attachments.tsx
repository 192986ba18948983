/** The files of a message: pictures as they are, all others to download. */

import type { Attachment } from "@carrier/client";
import { Text, UnstyledButton } from "@mantine/core";
import { IconDownload, IconFile } from "@tabler/icons-react";
import { lazy, useState } from "react";

import { useLoadAgain } from "../hooks/use-load-again";
import { useObjectUrl } from "../hooks/use-object-url";
import { attachmentUrl, fileSize, isPicture, localPicture } from "../state/files";
import type { ShownMessage } from "../state/rows";
import { LazyBoundary } from "./lazy-boundary";
import { Name } from "./name";

const Lightbox = lazy(() => import("./lightbox"));

/** The largest width and height of a picture in a message, in pixels of CSS. */
const WIDE = 360;
const HIGH = 300;
/** The least width and height of one that has more, which is cut to show its middle. */
const LEAST = 44;

interface Props {
  message: ShownMessage;
  files: readonly Attachment[];
}

export function Attachments({ message, files }: Props) {
  const [large, setLarge] = useState<Attachment>();
  const urlOf = (file: Attachment) => attachmentUrl(message.chat_id, file);
  const pictures = files.filter(isPicture);
  return (
    <div className="files">
      {pictures.length > 0 && (
        <div className={pictures.length > 1 ? "album" : "single"}>
          {pictures.map((file) => (
            <Picture
              key={file.hash}
              file={file}
              src={urlOf(file)}
              isPending={message.pending === true}
              onEnlarge={() => setLarge(file)}
            />
          ))}
        </div>
      )}
      {files
        .filter((file) => !isPicture(file))
        .map((file) => (
          <Download key={file.hash} file={file} src={urlOf(file)} />
        ))}
      {large !== undefined && (
        <LazyBoundary>
          <Lightbox message={message} file={large} onClose={() => setLarge(undefined)} />
        </LazyBoundary>
      )}
    </div>
  );
}

function Download({ file, src }: { file: Attachment; src: string }) {
  return (
    <a href={src} download={file.name} className="file">
      <IconFile size={26} stroke={1.4} />
      <span className="file-name">
        <Name component="span" size="sm" fw={600}>
          {file.name}
        </Name>
        <Text span size="xs" className="faint">
          {fileSize(file.size)}
        </Text>
      </span>
      <IconDownload size={18} />
    </a>
  );
}

interface PictureProps {
  file: Attachment;
  src: string;
  /** True before the message is acknowledged: the server gives its files to nobody. */
  isPending: boolean;
  onEnlarge: () => void;
}

/**
 * A picture, whose place is kept before it is loaded, so that nothing jumps. One that was uploaded
 * here is shown from here, and one that cannot be shown may still be saved.
 */
function Picture({ file, src, isPending, onEnlarge }: PictureProps) {
  const [local] = useState(() => localPicture(file.hash));
  const localUrl = useObjectUrl(local);
  const { tries, hasFailed, isGivenUp, onError, retry } = useLoadAgain();
  const { width = WIDE, height = HIGH } = file;
  const scale = Math.min(1, WIDE / width, HIGH / height);
  const edge = (pixels: number) => Math.max(Math.round(pixels * scale), Math.min(pixels, LEAST));
  const size = { width: edge(width), height: edge(height) };
  const isStrip = Math.min(width, height) * scale < Math.min(width, height, LEAST) - 1;
  if (isGivenUp) {
    return (
      <div>
        <Download file={file} src={src} />
        <UnstyledButton className="link failed" onClick={retry}>
          This picture can’t be shown. Try again
        </UnstyledButton>
      </div>
    );
  }
  const isLocal = local !== undefined && tries === 0;
  const from = isLocal ? localUrl : undefined;
  const thumbnail = isLocal ? from : isPending ? undefined : `${src}?size=640`;
  return (
    <UnstyledButton onClick={onEnlarge} className="picture" aria-label={`View ${file.name}`}>
      {thumbnail === undefined || hasFailed ? (
        <span className="picture-place" style={size} />
      ) : (
        <img
          key={tries}
          src={thumbnail}
          {...size}
          data-strip={isStrip || undefined}
          alt={file.name}
          loading="lazy"
          onError={onError}
        />
      )}
    </UnstyledButton>
  );
}
