/** The place where messages are written. */

import type { Chat } from "@carrier/client";
import { Box, Group, Textarea } from "@mantine/core";
import { IconArrowUp, IconHeading } from "@tabler/icons-react";
import {
  type ClipboardEvent,
  type KeyboardEvent,
  lazy,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";

import { focusNow } from "../hooks/focus-now";
import { hasKeyboard } from "../hooks/has-keyboard";
import { typeInto } from "../hooks/type-into";
import { type ComposerHandle, useComposer } from "../hooks/use-composer";
import { nameOf, useSuggestions } from "../hooks/use-suggestions";
import { useLimits } from "../hooks/use-world";
import { foldersOf, pastedFiles } from "../state/files";
import { completeName } from "../state/mention";
import { AttachmentTray, FileChooser } from "./attachment-tray";
import { LengthNotice } from "./length-notice";
import { listOf, MentionSuggestions } from "./mention-suggestions";
import { EmojiIcon, Later } from "./menu-buttons";
import { SubjectField } from "./subject-field";
import { TargetBanner } from "./target-banner";
import { ToolButton } from "./tool-button";

const EmojiButton = lazy(() => import("./emoji-button"));

interface Props {
  chat: Chat;
  handle: React.Ref<ComposerHandle>;
  onEditLast: () => void;
}

export function Composer({ chat, handle, onEditLast }: Props) {
  const limits = useLimits();
  const field = useRef<HTMLTextAreaElement>(null);
  const composer = useComposer(chat, handle, field);
  const { text, target, isEditing, subject, setSubject, attachments } = composer;
  const [caret, setCaret] = useState(text.length);
  const suggestions = useSuggestions(chat, text, caret);
  const list = useId();

  // Not on a phone, where its keyboard would cover the chat.
  useEffect(() => {
    if (matchMedia("(hover: hover)").matches) focusNow(field.current);
  }, []);

  const write = (now: string) => {
    suggestions.reset();
    composer.write(now);
  };
  const complete = (username: string) =>
    typeInto(field.current, 0, caret, completeName(text.slice(0, caret), username));
  /** Puts an emoji in the place of what is selected. */
  const writeEmoji = (emoji: string) => {
    const { selectionStart, selectionEnd } = field.current ?? {};
    typeInto(field.current, selectionStart ?? 0, selectionEnd ?? 0, emoji);
  };

  /** Returns true when the key was for the suggestions. */
  const steerSuggestions = (event: KeyboardEvent): boolean => {
    const { chosen } = suggestions;
    if (chosen === undefined) return false;
    if (event.shiftKey) return false;
    if (event.key === "Enter" || event.key === "Tab") complete(nameOf(chosen));
    else if (event.key === "ArrowUp") suggestions.move(-1);
    else if (event.key === "ArrowDown") suggestions.move(1);
    else if (event.key === "Escape") suggestions.dismiss();
    else return false;
    if (event.key === "Escape") event.stopPropagation();
    else event.preventDefault();
    return true;
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (steerSuggestions(event)) return;
    const sends = hasKeyboard() || event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && !event.shiftKey && sends) {
      event.preventDefault();
      void composer.submit();
    } else if (event.key === "Escape" && target !== undefined) {
      event.stopPropagation();
      composer.cancel();
    } else if (event.key === "ArrowUp" && text === "" && !isEditing) {
      event.preventDefault();
      onEditLast();
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const files = pastedFiles(event.clipboardData);
    if (files.length === 0) return;
    event.preventDefault();
    attachments.add(files, foldersOf(event.clipboardData));
  };

  // A draft is written on at its end.
  useEffect(() => {
    const { current } = field;
    current?.setSelectionRange(current.value.length, current.value.length);
  }, []);

  const sendLabel = isEditing ? "Save" : "Send";
  return (
    <Box className="composer">
      <MentionSuggestions id={list} {...suggestions} onChoose={complete} />
      {target !== undefined && <TargetBanner target={target} onCancel={composer.cancel} />}
      <AttachmentTray {...attachments} />
      {subject !== undefined && !isEditing && (
        <SubjectField subject={subject} onChange={setSubject} />
      )}
      <Group className="composer-line" wrap="nowrap" align="flex-end" gap={4}>
        {!isEditing && <FileChooser onPick={attachments.add} />}
        {!isEditing && subject === undefined && (
          <ToolButton
            label="Add a subject"
            icon={<IconHeading size={19} stroke={1.7} />}
            onClick={() => setSubject("")}
            visibleFrom="sm"
          />
        )}
        <Textarea
          ref={field}
          className="grow"
          variant="unstyled"
          autosize
          minRows={1}
          maxRows={10}
          aria-label="Message"
          enterKeyHint={hasKeyboard() ? "send" : "enter"}
          aria-autocomplete={chat.kind === "group" ? "list" : "none"}
          {...listOf(list, suggestions)}
          placeholder="Write a message"
          value={text}
          onChange={(event) => {
            setCaret(event.currentTarget.selectionStart);
            write(event.currentTarget.value);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <Later button={EmojiIcon}>
          {(isOpenAtFirst) => <EmojiButton onChoose={writeEmoji} isOpenAtFirst={isOpenAtFirst} />}
        </Later>
        <ToolButton
          label={sendLabel}
          icon={<IconArrowUp size={20} />}
          onClick={() => void composer.submit()}
          variant="filled"
          color="harbor"
          disabled={!composer.isReady}
          loading={composer.isWaiting}
        />
      </Group>
      <LengthNotice
        count={composer.count}
        most={limits.body}
        onFile={isEditing ? undefined : composer.attachText}
      />
    </Box>
  );
}
