/** Where messages are written. */

import { ActionIcon, Box, Group, Loader, Paper, Popover, Text, TextInput, Textarea, Tooltip, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconArrowUp, IconFile, IconHeading, IconMoodSmile, IconPaperclip, IconX } from "@tabler/icons-react";
import type { Attachment, Chat, Message } from "@carrier/client";
import { type ChangeEvent, type ClipboardEvent, type KeyboardEvent, lazy, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";

import { editMessage } from "../state/acts";
import { draft, draftKey, keepDraft } from "../state/drafts";
import { send } from "../state/outbox";
import { nameOf } from "../state/people";
import { say } from "../state/session";
import { upload } from "../state/upload";
import { useMe, useWorld, world } from "../state/world";
import { sizeOf } from "./attachments";
import { PersonFace } from "./face";
import { Waiting } from "./message-tools";
import { brief } from "./names";
import { mentionsIn } from "./mention";
import { Part } from "./part";

const EmojiPicker = lazy(() => import("./emoji-picker"));

const TYPING_EVERY_MS = 3000;
const MOST_FILES = 10;

interface Picked {
  key: number;
  file: File;
  /** Of 1. */
  progress: number;
  done?: Attachment;
  failed?: string;
  abort: AbortController;
}

export interface ComposerHandle {
  /** A text is written on. */
  write: (text: string) => void;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  add: (files: Iterable<File>) => void;
}

let keys = 0;

export function Composer({ chat, handle, onEditLast }: { chat: Chat; handle: React.Ref<ComposerHandle>; onEditLast: () => void }) {
  const me = useMe();
  const [text, setText] = useState(() => draft(me.id, chat.id));
  const [subject, setSubject] = useState<string>();
  const [answered, setAnswered] = useState<Message>();
  const [edited, setEdited] = useState<Message>();
  const [picked, setPicked] = useState<Picked[]>([]);
  const [at, setAt] = useState(text.length);
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const typed = useRef(0);
  const found = useSuggestions(chat, text, at);
  const [choice, setChoice] = useState(0);
  const [isDismissed, setDismissed] = useState(false);

  const suggestions = isDismissed ? [] : found;

  const focus = () => setTimeout(() => field.current?.focus());
  const write = (now: string) => {
    setText(now);
    setChoice(0);
    setDismissed(false);
    if (edited === undefined) keepDraft(me.id, chat.id, now);
    if (now !== "" && edited === undefined && Date.now() - typed.current > TYPING_EVERY_MS) {
      typed.current = Date.now();
      say({ type: "typing", chat_id: chat.id });
    }
  };

  const add = (files: Iterable<File>) => {
    const all = [...files];
    const more = all.slice(0, MOST_FILES - picked.length).map((file): Picked => ({ key: ++keys, file, progress: 0, abort: new AbortController() }));
    if (more.length < all.length) notifications.show({ color: "red", message: `A message has at most ${MOST_FILES} files.` });
    setPicked((all) => [...all, ...more]);
    more.forEach(begin);
  };
  const begin = ({ key, file, abort }: Picked) => {
    const alter = (part: Partial<Picked>) => setPicked((all) => all.map((one) => (one.key === key ? { ...one, ...part } : one)));
    upload(chat.id, file, abort.signal, (progress) => alter({ progress })).then(
      (done) => alter({ done, progress: 1 }),
      (error: Error) => alter({ failed: error.message }),
    );
  };
  const remove = (one: Picked) => {
    one.abort.abort();
    setPicked((all) => all.filter((other) => other.key !== one.key));
  };
  const again = (one: Picked) => {
    setPicked((all) => all.map(({ failed, ...other }) => (other.key === one.key ? { ...other, progress: 0 } : { ...other, ...(failed !== undefined && { failed }) })));
    begin(one);
  };

  const leave = () => {
    setEdited(undefined);
    setAnswered(undefined);
    setText(draft(me.id, chat.id));
    focus();
  };

  useImperativeHandle(handle, () => ({
    write: (more) => {
      if (edited !== undefined) leave();
      write(text.trim() === "" ? more : `${text}\n${more}`);
      focus();
    },
    reply: (message) => {
      setEdited(undefined);
      setAnswered(message);
      focus();
    },
    edit: (message) => {
      setAnswered(undefined);
      setEdited(message);
      setText(message.body);
      focus();
    },
    add,
  }));

  const isReady = (text.trim() !== "" || picked.length > 0) && picked.every((one) => one.done !== undefined);
  const submit = async () => {
    if (!isReady) return;
    if (edited !== undefined) {
      if (text === edited.body || (await editMessage(edited, text.trim()))) leave();
      return;
    }
    const attachments = picked.flatMap(({ done }) => (done === undefined ? [] : [done]));
    const mentions = mentioned(chat, text);
    send(
      chat.id,
      {
        body: text.trim(),
        ...(subject !== undefined && subject.trim() !== "" && { subject: subject.trim() }),
        ...(answered !== undefined && { reply_to: answered.id }),
        ...(attachments.length > 0 && { attachments }),
        ...(mentions.length > 0 && { mentions }),
      },
      answered && { id: answered.id, sender_id: answered.sender_id, preview: brief(answered) },
    );
    keepDraft(me.id, chat.id, "");
    setText("");
    setSubject(undefined);
    setAnswered(undefined);
    setPicked([]);
    typed.current = 0;
    focus();
  };

  /** What is before the caret becomes this. */
  const writeBefore = (begun: string) => {
    write(begun + text.slice(at));
    setAt(begun.length);
    setTimeout(() => field.current?.setSelectionRange(begun.length, begun.length));
  };
  const choose = (username: string) => writeBefore(text.slice(0, at).replace(/@[\w.-]*$/, `@${username} `));

  const keyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    const suggested = suggestions[choice];
    if (suggested !== undefined && event.key === "Escape") {
      event.stopPropagation();
      return setDismissed(true);
    }
    if (suggested !== undefined && ["ArrowUp", "ArrowDown", "Enter", "Tab"].includes(event.key)) {
      event.preventDefault();
      if (event.key === "Enter" || event.key === "Tab") return choose(suggested.username);
      const step = event.key === "ArrowUp" ? suggestions.length - 1 : 1;
      return setChoice((choice + step) % suggestions.length);
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void submit();
    } else if (event.key === "Escape" && (edited !== undefined || answered !== undefined)) {
      event.stopPropagation();
      leave();
    } else if (event.key === "ArrowUp" && text === "" && edited === undefined) {
      event.preventDefault();
      onEditLast();
    }
  };

  const pick = (event: ChangeEvent<HTMLInputElement>) => {
    add(event.currentTarget.files ?? []);
    event.currentTarget.value = ""; // the same file may be picked again
  };
  const paste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    add(event.clipboardData.files);
  };

  // A draft is written on at its end.
  useEffect(() => field.current?.setSelectionRange(field.current.value.length, field.current.value.length), []);
  // Another tab may have written on.
  const isDraft = edited === undefined;
  useEffect(() => {
    const changed = (event: StorageEvent) => isDraft && event.key === draftKey(me.id, chat.id) && setText(event.newValue ?? "");
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  }, [me.id, chat.id, isDraft]);

  return (
    <Box className="composer">
      {suggestions.length > 0 && (
        <Paper className="suggestions" withBorder shadow="md" role="listbox" aria-label="People to mention">
          {suggestions.map((person, index) => (
            <UnstyledButton
              key={person.id}
              className="suggestion"
              role="option"
              aria-selected={index === choice}
              onMouseDown={(event) => {
                event.preventDefault();
                choose(person.username);
              }}
            >
              <PersonFace id={person.id} size={26} />
              <Text span size="sm" fw={600}>
                {person.display_name}
              </Text>
              <Text span size="sm" className="faint">
                @{person.username}
              </Text>
            </UnstyledButton>
          ))}
        </Paper>
      )}
      {(answered ?? edited) !== undefined && (
        <Group className="composer-about" wrap="nowrap">
          <Box className="grow">
            <Text size="xs" fw={650} c="harbor">
              {edited !== undefined ? "Edit" : `Reply to ${nameOf(answered!.sender_id)}`}
            </Text>
            <Text size="sm" truncate className="faint">
              {brief((edited ?? answered)!)}
            </Text>
          </Box>
          <ActionIcon variant="subtle" color="gray" aria-label="Never mind" onClick={leave}>
            <IconX size={18} />
          </ActionIcon>
        </Group>
      )}
      {picked.length > 0 && (
        <Group gap="xs" className="picked">
          {picked.map((one) => (
            <PickedFile key={one.key} one={one} onRemove={() => remove(one)} onRetry={() => again(one)} />
          ))}
        </Group>
      )}
      {subject !== undefined && edited === undefined && (
        <TextInput
          variant="unstyled"
          px="sm"
          fw={700}
          aria-label="Subject"
          placeholder="Subject"
          maxLength={200}
          autoFocus
          value={subject}
          onChange={(event) => setSubject(event.currentTarget.value)}
          rightSection={
            <ActionIcon variant="subtle" color="gray" aria-label="No subject" onClick={() => setSubject(undefined)}>
              <IconX size={16} />
            </ActionIcon>
          }
        />
      )}
      <Group className="composer-line" wrap="nowrap" align="flex-end" gap={4}>
        {edited === undefined && (
          <>
            <input ref={chooser} type="file" multiple hidden aria-label="Files" onChange={pick} />
            <Tooltip label="Attach files">
              <ActionIcon variant="subtle" color="gray" size={38} radius="xl" aria-label="Attach files" onClick={() => chooser.current?.click()}>
                <IconPaperclip size={20} stroke={1.7} />
              </ActionIcon>
            </Tooltip>
            {subject === undefined && (
              <Tooltip label="Add a subject">
                <ActionIcon variant="subtle" color="gray" size={38} radius="xl" aria-label="Add a subject" onClick={() => setSubject("")} visibleFrom="sm">
                  <IconHeading size={19} stroke={1.7} />
                </ActionIcon>
              </Tooltip>
            )}
          </>
        )}
        <Textarea
          ref={field}
          className="grow"
          variant="unstyled"
          autosize
          minRows={1}
          maxRows={10}
          maxLength={10_000}
          autoFocus={matchMedia("(hover: hover)").matches}
          aria-label="Message"
          placeholder="Write a message"
          value={text}
          onChange={(event) => {
            setAt(event.currentTarget.selectionStart);
            write(event.currentTarget.value);
          }}
          onSelect={(event) => setAt(event.currentTarget.selectionStart)}
          onKeyDown={keyDown}
          onPaste={paste}
        />
        <Popover position="top-end" withinPortal trapFocus returnFocus>
          <Tooltip label="Emoji">
            <Popover.Target>
              <ActionIcon variant="subtle" color="gray" size={38} radius="xl" aria-label="Emoji" visibleFrom="sm">
                <IconMoodSmile size={20} stroke={1.7} />
              </ActionIcon>
            </Popover.Target>
          </Tooltip>
          <Popover.Dropdown p={6}>
            <Part instead={<Waiting />}>
              <EmojiPicker onChoose={(emoji) => writeBefore(text.slice(0, at) + emoji)} />
            </Part>
          </Popover.Dropdown>
        </Popover>
        <Tooltip label={edited === undefined ? "Send" : "Save"}>
          <ActionIcon variant="filled" size={38} radius="xl" aria-label={edited === undefined ? "Send" : "Save"} disabled={!isReady} onClick={() => void submit()}>
            <IconArrowUp size={20} />
          </ActionIcon>
        </Tooltip>
      </Group>
    </Box>
  );
}

function PickedFile({ one, onRemove, onRetry }: { one: Picked; onRemove: () => void; onRetry: () => void }) {
  const isPicture = one.file.type.startsWith("image/");
  const url = useMemo(() => (isPicture ? URL.createObjectURL(one.file) : undefined), [one.file, isPicture]);
  useEffect(() => () => (url === undefined ? undefined : URL.revokeObjectURL(url)), [url]);
  return (
    <Group className="picked-file" gap={8} wrap="nowrap">
      {url !== undefined ? <img src={url} alt="" width={40} height={40} /> : <IconFile size={26} stroke={1.4} />}
      <Box maw={160}>
        <Text size="sm" truncate>
          {one.file.name}
        </Text>
        {one.failed === undefined ? (
          <Text size="xs" className="faint">
            {one.done === undefined ? `${Math.round(one.progress * 100)} %` : sizeOf(one.file.size)}
          </Text>
        ) : (
          <UnstyledButton className="link failed" onClick={onRetry} title={one.failed}>
            {one.failed} Try again
          </UnstyledButton>
        )}
      </Box>
      {one.failed !== undefined ? <IconAlertTriangle size={18} /> : one.done === undefined && <Loader size={16} />}
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Without ${one.file.name}`} onClick={onRemove}>
        <IconX size={16} />
      </ActionIcon>
    </Group>
  );
}

/** The people of the chat whose name begins with what follows the @ before the caret. */
function useSuggestions(chat: Chat, text: string, at: number) {
  const me = useMe();
  const people = useWorld((world) => world.people);
  const begun = /(?:^|\s)@([\w.-]*)$/.exec(text.slice(0, at))?.[1]?.toLowerCase();
  const members = useWorld((world) => world.members[chat.id]);
  return useMemo(() => {
    if (begun === undefined || chat.kind !== "group") return [];
    const ids = (members ?? chat.members).map((member) => member.user_id);
    const found = ids.flatMap((id) => (id === me.id || people[id] === undefined ? [] : [people[id]]));
    return found.filter((one) => one.username.toLowerCase().startsWith(begun) || one.display_name.toLowerCase().startsWith(begun)).slice(0, 6);
  }, [begun, chat, members, people, me.id]);
}

/** Whom a text mentions, of the people of the chat. */
function mentioned(chat: Chat, text: string): string[] {
  if (!text.includes("@")) return [];
  const { people, members } = world();
  const known = (members[chat.id] ?? chat.members).flatMap(({ user_id: id }) => (people[id] === undefined ? [] : [[people[id].username.toLowerCase(), id] as const]));
  const ids = new Map(known);
  const found = mentionsIn(text, (name) => ids.has(name)).map(({ name }) => ids.get(name)!);
  return [...new Set(found)];
}
