/** The files of the next message. */

import { ActionIcon, Box, Group, Loader, Text, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconFile, IconPaperclip, IconX } from "@tabler/icons-react";
import { type ChangeEvent, useRef } from "react";

import { useObjectUrl } from "../hooks/use-object-url";
import type { PickedFile } from "../state/composers";
import { fileSize } from "../state/files";
import { Name } from "./name";
import { ToolButton } from "./tool-button";

export function FileChooser({ onPick }: { onPick: (files: Iterable<File>) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const pick = (event: ChangeEvent<HTMLInputElement>) => {
    onPick(event.currentTarget.files ?? []);
    event.currentTarget.value = ""; // the same file may be picked again
  };
  return (
    <>
      <input ref={input} type="file" multiple hidden aria-label="Files" onChange={pick} />
      <ToolButton
        label="Attach files"
        icon={<IconPaperclip size={20} stroke={1.7} />}
        onClick={() => input.current?.click()}
      />
    </>
  );
}

interface Props {
  files: readonly PickedFile[];
  remove: (file: PickedFile) => void;
  retry: (file: PickedFile) => void;
}

export function AttachmentTray({ files, remove, retry }: Props) {
  if (files.length === 0) return null;
  return (
    <Group gap="xs" className="picked">
      {files.map((one) => (
        <PickedItem
          key={one.key}
          picked={one}
          onRemove={() => remove(one)}
          onRetry={() => retry(one)}
        />
      ))}
    </Group>
  );
}

interface ItemProps {
  picked: PickedFile;
  onRemove: () => void;
  onRetry: () => void;
}

function PickedItem({ picked, onRemove, onRetry }: ItemProps) {
  const { file, progress, uploaded, failed } = picked;
  const preview = useObjectUrl(file);
  return (
    <Group className="picked-file" gap={8} wrap="nowrap">
      {preview !== undefined ? (
        <img src={preview} alt="" width={40} height={40} />
      ) : (
        <IconFile size={26} stroke={1.4} />
      )}
      <Box maw={160}>
        <Name size="sm">{file.name}</Name>
        {failed === undefined ? (
          <Text size="xs" className="faint">
            {uploaded === undefined ? `${Math.round(progress * 100)}%` : fileSize(file.size)}
          </Text>
        ) : (
          <UnstyledButton className="link failed" onClick={onRetry} title={failed}>
            {failed} Try again
          </UnstyledButton>
        )}
      </Box>
      {failed !== undefined && <IconAlertTriangle size={18} />}
      {failed === undefined && uploaded === undefined && <Loader size={16} />}
      <ActionIcon
        variant="subtle"
        color="gray"
        size={26}
        aria-label={`Remove ${file.name}`}
        onClick={onRemove}
      >
        <IconX size={16} />
      </ActionIcon>
    </Group>
  );
}
