/** Mantine's dialogs, each of which Back closes. */

import {
  type DrawerProps,
  Drawer as MantineDrawer,
  Modal as MantineModal,
  type ModalProps,
} from "@mantine/core";

import { useDialog } from "../hooks/use-back";

/** A dialog or a drawer, which is there only while it is open. */
type Opened<Props> = Omit<Props, "opened">;

export function Modal(props: Opened<ModalProps>) {
  useDialog(props.onClose);
  return <MantineModal {...props} opened centered closeOnEscape={false} />;
}

export function Drawer(props: Opened<DrawerProps>) {
  useDialog(props.onClose);
  return <MantineDrawer {...props} opened closeOnEscape={false} />;
}
