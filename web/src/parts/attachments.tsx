/** Files of a message: pictures as they are, all others to download. */

import { Image, Modal, Text, UnstyledButton } from "@mantine/core";
import { IconDownload, IconFile } from "@tabler/icons-react";
import type { Attachment } from "@carrier/client";
import { useState } from "react";

/** A picture is shown at most this wide and high, in pixels of CSS. */
const WIDE = 360;
const HIGH = 300;

export function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  const at = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 3);
  return `${(bytes / 1000 ** at).toFixed(at === 0 || bytes >= 10 * 1000 ** at ? 0 : 1)} ${units[at]}`;
}

export function Attachments({ chat, files }: { chat: string; files: readonly Attachment[] }) {
  const at = (file: Attachment) => `/v1/chats/${chat}/attachments/${file.hash}`;
  return (
    <div className="files">
      {files.map((file) =>
        file.width !== undefined && file.height !== undefined ? (
          <Picture key={file.hash} file={file} src={at(file)} width={file.width} height={file.height} />
        ) : (
          <a key={file.hash} href={at(file)} download={file.name} className="file">
            <IconFile size={26} stroke={1.4} />
            <span className="file-name">
              <Text span size="sm" fw={600} truncate>
                {file.name}
              </Text>
              <Text span size="xs" className="faint">
                {sizeOf(file.size)}
              </Text>
            </span>
            <IconDownload size={18} />
          </a>
        ),
      )}
    </div>
  );
}

/** Its place is kept before it is there, so that nothing jumps. */
function Picture({ file, src, width, height }: { file: Attachment; src: string; width: number; height: number }) {
  const [isOpen, open] = useState(false);
  const scale = Math.min(1, WIDE / width, HIGH / height);
  return (
    <>
      <UnstyledButton onClick={() => open(true)} className="picture" aria-label={`Picture ${file.name}, larger`}>
        <img src={`${src}?size=640`} width={Math.round(width * scale)} height={Math.round(height * scale)} alt={file.name} loading="lazy" />
      </UnstyledButton>
      <Modal opened={isOpen} onClose={() => open(false)} size="auto" title={file.name} centered>
        <Image src={src} alt={file.name} mah="80dvh" fit="contain" />
        <Text component="a" href={src} download={file.name} size="sm" mt="xs" display="block">
          Download ({sizeOf(file.size)})
        </Text>
      </Modal>
    </>
  );
}
