/** Where messages are written. */

import { ActionIcon, Box, Group, Loader, Paper, Text, TextInput, Textarea, Tooltip, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconArrowUp, IconFile, IconHeading, IconPaperclip, IconX } from "@tabler/icons-react";
import type { Attachment, Chat, Message } from "@carrier/client";
import { type ClipboardEvent, type KeyboardEvent, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";

import { editMessage } from "../state/acts";
import { draft, keepDraft } from "../state/drafts";
import { send } from "../state/outbox";
import { nameOf } from "../state/people";
import { say } from "../state/session";
import { upload } from "../state/upload";
import { useMe, useWorld } from "../state/world";
import { sizeOf } from "./attachments";
import { PersonFace } from "./face";
import { brief } from "./names";

const TYPING_EVERY_MS = 3000;
const MOST_FILES = 10;

interface Picked {
  key: number;
  file: File;
  /** Of 1. */
  progress: number;
  done?: Attachment;
  failed?: string;
}

export interface ComposerHandle {
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
  const [at, setAt] = useState(0);
  const field = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const typed = useRef(0);
  const suggestions = useSuggestions(chat, text, at);
  const [choice, setChoice] = useState(0);

  const focus = () => setTimeout(() => field.current?.focus());
  const write = (now: string) => {
    setText(now);
    setChoice(0);
    if (edited === undefined) keepDraft(me.id, chat.id, now);
    if (now !== "" && edited === undefined && Date.now() - typed.current > TYPING_EVERY_MS) {
      typed.current = Date.now();
      say({ type: "typing", chat_id: chat.id });
    }
  };

  const add = (files: Iterable<File>) => {
    const more = [...files].slice(0, MOST_FILES - picked.length).map((file): Picked => ({ key: ++keys, file, progress: 0 }));
    setPicked((all) => [...all, ...more]);
    more.forEach(begin);
  };
  const begin = ({ key, file }: Picked) => {
    const alter = (part: Partial<Picked>) => setPicked((all) => all.map((one) => (one.key === key ? { ...one, ...part } : one)));
    upload(chat.id, file, (progress) => alter({ progress })).then(
      (done) => alter({ done, progress: 1 }),
      (error: Error) => alter({ failed: error.message }),
    );
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

  const choose = (username: string) => {
    const begun = text.slice(0, at).replace(/@[\w.-]*$/, `@${username} `);
    write(begun + text.slice(at));
    setTimeout(() => field.current?.setSelectionRange(begun.length, begun.length));
  };

  const keyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const suggested = suggestions[choice];
    if (suggested !== undefined && ["ArrowUp", "ArrowDown", "Enter", "Tab"].includes(event.key)) {
      event.preventDefault();
      if (event.key === "Enter" || event.key === "Tab") return choose(suggested.username);
      const step = event.key === "ArrowUp" ? suggestions.length - 1 : 1;
      return setChoice((choice + step) % suggestions.length);
    }
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
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

  const paste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    add(event.clipboardData.files);
  };

  // Another tab may have written on.
  useEffect(() => {
    const changed = (event: StorageEvent) => event.key === `carrier.draft.${me.id}.${chat.id}` && setText(event.newValue ?? "");
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  }, [me.id, chat.id]);

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
            <PickedFile key={one.key} one={one} onRemove={() => setPicked((all) => all.filter((other) => other !== one))} onRetry={() => again(one)} />
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
            <input ref={chooser} type="file" multiple hidden aria-label="Files" onChange={(event) => event.currentTarget.files && add(event.currentTarget.files)} />
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
  const { people, members } = useWorld.getState();
  const names = new Set([...text.matchAll(/@([\w.-]{3,32})/g)].map((found) => found[1]!.toLowerCase()));
  const ids = (members[chat.id] ?? chat.members).map((member) => member.user_id);
  return names.size === 0 ? [] : ids.filter((id) => names.has(people[id]?.username.toLowerCase() ?? ""));
}
