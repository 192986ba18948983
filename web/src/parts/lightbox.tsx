/** A picture that fills the screen, and the others of its chat beside it. */

import type { Attachment, Message } from "@carrier/client";
import { ActionIcon, Text } from "@mantine/core";
import {
  IconChevronLeft,
  IconChevronRight,
  IconDownload,
  IconX,
  IconZoomIn,
  IconZoomOut,
} from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";

import { useBack } from "../hooks/use-back";
import { useObjectUrl } from "../hooks/use-object-url";
import { usePerson } from "../hooks/use-person";
import { useWorld } from "../hooks/use-world";
import { useZoom } from "../hooks/use-zoom";
import { allOf } from "../state/dates";
import { attachmentUrl, isPicture, localPicture } from "../state/files";
import { nameOf } from "../state/people";
import type { Point } from "../state/zoom";
import { Name } from "./name";

interface Shown {
  message: Message;
  file: Attachment;
}

interface Props extends Shown {
  onClose: () => void;
}

const NONE: Message[] = [];
const ARROWS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
/** The way that an arrow moves a picture, in pixels. */
const PAN = 80;

/** Returns the pictures of messages, in their order. */
const picturesOf = (messages: readonly Message[]): Shown[] =>
  messages.flatMap((message) =>
    (message.attachments ?? []).filter(isPicture).map((file) => ({ message, file })),
  );

const isSame = (one: Shown) => (other: Shown) =>
  one.message.id === other.message.id && one.file.hash === other.file.hash;

export default function Lightbox({ message, file, onClose }: Props) {
  const loaded = useWorld((world) => world.windows[message.chat_id]?.items ?? NONE);
  const [shown, setShown] = useState<Shown>({ message, file });
  const dialog = useRef<HTMLDialogElement>(null);
  const all = picturesOf(loaded);
  // A message that is not sent yet is not among those that are loaded.
  const pictures = all.some(isSame(shown)) ? all : picturesOf([shown.message]);
  const at = pictures.findIndex(isSame(shown));
  const [before, after] = [pictures[at - 1], pictures[at + 1]];
  const show = (next: Shown | undefined) => {
    if (next === undefined) return;
    setShown(next);
    zoom.reset();
  };
  /** Shows the next picture in a direction of the screen: -1 is left. */
  const turn = (direction: number) =>
    show(direction < 0 === (document.documentElement.dir === "rtl") ? after : before);
  const stage = useRef<HTMLDivElement>(null);
  const close = () => dialog.current?.close(); // which gives the focus back
  const zoom = useZoom(stage, {
    onSwipe: ({ x }) => turn(-x), // a finger takes the picture with it
    onTapBeside: close,
  });
  const { scale, x, y } = zoom.view;
  usePerson(shown.message.sender_id);
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);
  useBack(true, close);
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation(); // the list of messages has keys of its own
    const { key } = event;
    const arrow = ARROWS[key];
    if (arrow !== undefined) {
      event.preventDefault();
      // An arrow moves a picture that is zoomed, and leads on from its edge.
      const isPanned = zoom.pan({ x: -PAN * arrow.x, y: -PAN * arrow.y });
      if (!isPanned && arrow.x !== 0 && !event.repeat) turn(arrow.x);
    } else if (key === "+" || key === "=") zoom.step(1);
    else if (key === "-") zoom.step(-1);
    else if (key === "0") zoom.reset();
  };
  const url = attachmentUrl(shown.message.chat_id, shown.file);
  return createPortal(
    <dialog
      ref={dialog}
      className="lightbox"
      aria-label={`Picture ${shown.file.name}`}
      onClose={onClose}
      onKeyDown={onKeyDown}
    >
      <header>
        <div className="grow">
          <Name fw={600}>{nameOf(shown.message.sender_id)}</Name>
          <Text size="xs">
            {allOf(shown.message.created_at)}
            {pictures.length > 1 && ` · ${at + 1} of ${pictures.length}`}
          </Text>
        </div>
        <Text component="output" size="sm" className="lightbox-scale" aria-live="polite">
          {scale > 1 && `${Math.round(scale * 100)}%`}
        </Text>
        <Tool label="Zoom out" isOff={scale === 1} onClick={() => zoom.step(-1)}>
          <IconZoomOut />
        </Tool>
        <Tool label="Zoom in" isOff={zoom.isMost} onClick={() => zoom.step(1)}>
          <IconZoomIn />
        </Tool>
        <ActionIcon
          component="a"
          href={url}
          download={shown.file.name}
          variant="subtle"
          color="gray"
          size={44}
          aria-label="Download"
        >
          <IconDownload />
        </ActionIcon>
        <Tool label="Close" onClick={close}>
          <IconX />
        </Tool>
      </header>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons and Esc do the same */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the buttons and Esc do the same */}
      <div
        ref={stage}
        className="lightbox-stage"
        data-zoomed={scale > 1 || undefined}
        {...zoom.handlers}
        onClick={({ target }) => {
          if (!zoom.hasMoved() && !(target instanceof HTMLImageElement)) close();
        }}
      >
        <Picture
          key={shown.file.hash}
          file={shown.file}
          url={url}
          transform={`translate(${x}px, ${y}px) scale(${scale})`}
        />
      </div>
      {pictures.length > 1 && (
        <>
          <Tool
            label="Previous picture"
            className="to-previous flip"
            isOff={before === undefined}
            onClick={() => show(before)}
          >
            <IconChevronLeft />
          </Tool>
          <Tool
            label="Next picture"
            className="to-next flip"
            isOff={after === undefined}
            onClick={() => show(after)}
          >
            <IconChevronRight />
          </Tool>
        </>
      )}
    </dialog>,
    document.body,
  );
}

interface PictureProps {
  file: Attachment;
  url: string;
  transform: string;
}

function Picture({ file, url, transform }: PictureProps) {
  const [hasFailed, setFailed] = useState(false);
  const [local] = useState(() => localPicture(file.hash));
  const localUrl = useObjectUrl(local);
  if (hasFailed) return <p>This picture can’t be shown. You can still download it.</p>;
  return (
    <img
      src={local === undefined ? url : localUrl}
      alt={file.name}
      width={file.width}
      height={file.height}
      style={{ transform }}
      draggable={false}
      onError={() => setFailed(true)}
    />
  );
}

interface ToolProps {
  label: string;
  className?: string;
  /** It keeps the focus, though there is nothing more to do. */
  isOff?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Tool({ label, className = "", isOff = false, onClick, children }: ToolProps) {
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size={44}
      radius="xl"
      className={className}
      aria-label={label}
      aria-disabled={isOff || undefined}
      title={label}
      onClick={onClick}
    >
      {children}
    </ActionIcon>
  );
}
