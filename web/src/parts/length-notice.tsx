import { Group, Text, UnstyledButton } from "@mantine/core";

import { ENGLISH } from "../state/language";

interface Props {
  count: number;
  most: number;
  /** Puts the text into a file; `undefined` where there can be none. */
  onFile: (() => void) | undefined;
}

/** Counts the characters of a long message, and says what to do with one that is too long. */
export function LengthNotice({ count, most, onFile }: Props) {
  if (count <= most * 0.9) return null;
  const isTooLong = count > most;
  return (
    <Group className="length" gap="xs" justify="flex-end">
      <Text size="xs" className="failed grow" role="alert">
        {isTooLong && "This message is too long to send. "}
        {isTooLong && onFile !== undefined && (
          <>
            Shorten it, or{" "}
            <UnstyledButton className="link" onClick={onFile}>
              attach it as a text file
            </UnstyledButton>
            .
          </>
        )}
      </Text>
      <Text size="xs" className={isTooLong ? "failed" : "faint"}>
        {count.toLocaleString(ENGLISH)} / {most.toLocaleString(ENGLISH)}
      </Text>
    </Group>
  );
}
