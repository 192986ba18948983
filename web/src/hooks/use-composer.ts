import type { Chat, Message } from "@carrier/client";
import { type RefObject, useEffect, useEffectEvent, useImperativeHandle, useRef } from "react";

import { editText, sendWhenReady } from "../actions/composing";
import { say } from "../actions/live";
import { countCharacters } from "../state/characters";
import { begunIn, changeBegun, readiness } from "../state/composers";
import { knownMessage } from "../state/events";
import { useAttachments } from "./use-attachments";
import { useDraft } from "./use-draft";
import { useBegun, useLimits, useMe, useWorld } from "./use-world";

/** The least time between two commands that I am typing. */
const TYPING_EVERY_MS = 3000;

/** The composer, for other parts of the page. */
export interface ComposerHandle {
  /** Appends to the text. */
  write: (text: string) => void;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  attach: (files: Iterable<File>, folders: readonly string[]) => void;
}

/** The message that is answered or edited. */
export type Target = { type: "reply" | "edit"; message: Message };

/** The next message of a chat, or the edit of one that was sent. */
export function useComposer(
  chat: Chat,
  handle: React.Ref<ComposerHandle>,
  field: RefObject<HTMLTextAreaElement | null>,
) {
  const me = useMe();
  const limits = useLimits();
  const begun = useBegun(chat.id);
  const { reply, subject, edit, isWaiting = false, sent = 0 } = begun;
  const replied = edit === undefined ? reply : undefined;
  const setSubject = (text?: string) => changeBegun(chat.id, { subject: text });
  const draft = useDraft(me.id, chat.id);
  const attachments = useAttachments(chat.id);
  const lastTyping = useRef(0);

  const focusField = () => setTimeout(() => field.current?.focus());

  const write = (text: string) => {
    if (edit !== undefined) return changeBegun(chat.id, { edit: { ...edit, text } });
    draft.write(text);
    if (text === "" || Date.now() - lastTyping.current <= TYPING_EVERY_MS) return;
    lastTyping.current = Date.now();
    say({ type: "typing", chat_id: chat.id });
  };

  /** Ends the reply or the edit; the draft is there again. */
  const cancel = () => {
    changeBegun(chat.id, edit === undefined ? { reply: undefined } : { edit: undefined });
    focusField();
  };

  useImperativeHandle(handle, () => ({
    write: (more) => {
      changeBegun(chat.id, { edit: undefined });
      draft.write(draft.text.trim() === "" ? more : `${draft.text}\n${more}`);
      focusField();
    },
    reply: (message) => {
      changeBegun(chat.id, { edit: undefined, reply: message });
      focusField();
    },
    edit: (message) => {
      changeBegun(chat.id, { edit: { message, text: message.body } });
      focusField();
    },
    attach: attachments.add,
  }));

  const text = edit?.text ?? draft.text;
  const count = countCharacters(text.trim());
  const files = edit?.message.attachments ?? [];
  const known = useWorld((now) => edit && knownMessage(now, edit.message));
  const isGone = known?.deleted === true;
  const isEdited = (text.trim() !== "" || files.length > 0) && count <= limits.body && !isGone;
  const isReady = edit === undefined ? readiness(begun, text, limits) === "now" : isEdited;

  /** Puts the text into a file of the message. */
  const attachText = () => {
    attachments.add([new File([text], "message.txt", { type: "text/plain" })]);
    write("");
    focusField();
  };

  const submit = async () => {
    if (edit === undefined) return sendWhenReady(chat.id); // waits for what is being uploaded
    if (!isReady) return;
    const { message } = edit;
    const isDone = text === message.body || (await editText(chat, message, text.trim()));
    if (!isDone || begunIn(chat.id).edit?.message.id !== message.id) return;
    changeBegun(chat.id, { edit: undefined });
    focusField();
  };

  const endSent = useEffectEvent(() => {
    draft.restore();
    // Who goes on typing is shown at once, as somebody who begins.
    if (lastTyping.current > 0) say({ type: "typing", chat_id: chat.id, typing: false });
    lastTyping.current = 0;
    focusField();
  });
  const lastSent = useRef(sent);
  useEffect(() => {
    if (lastSent.current === sent) return;
    lastSent.current = sent;
    endSent();
  }, [sent]);

  const target: Target | undefined =
    edit !== undefined
      ? { type: "edit", message: edit.message }
      : replied && { type: "reply", message: replied };

  return {
    text,
    count,
    write,
    attachText,
    subject,
    setSubject,
    target,
    isEditing: edit !== undefined,
    cancel,
    attachments,
    isReady,
    isWaiting,
    submit,
  };
}
