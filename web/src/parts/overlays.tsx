/** Mantine's menus and popovers, each of which Back closes. */

import {
  Menu as MantineMenu,
  Popover as MantinePopover,
  type MenuProps,
  type PopoverProps,
} from "@mantine/core";
import { useId, useState } from "react";

import { useBack } from "../hooks/use-back";

type Controlled = { opened: boolean; onChange: (isOpen: boolean) => void };

export function Popover(props: PopoverProps & Controlled) {
  useBack(props.opened, () => props.onChange(false));
  return <MantinePopover {...props} />;
}
Popover.Target = MantinePopover.Target;
Popover.Dropdown = MantinePopover.Dropdown;

/** Returns the part of the page that has the button of a menu: a reader finds both there. */
const partWith = (id: string) => `:is(main, .side, [role=dialog]):has([id="${id}"])`;

/** A menu, which keeps to itself whether it is open if nobody else does. */
export function Menu({ opened, onChange, defaultOpened = false, ...props }: MenuProps) {
  const [isOpen, setOpen] = useState(defaultOpened);
  const shown = opened ?? isOpen;
  const show = onChange ?? setOpen;
  const id = useId();
  useBack(shown, () => show(false));
  return (
    <MantineMenu
      id={id}
      portalProps={{ target: partWith(id) }}
      {...props}
      opened={shown}
      onChange={show}
    />
  );
}
Menu.Target = MantineMenu.Target;
Menu.Dropdown = MantineMenu.Dropdown;
Menu.Label = MantineMenu.Label;
Menu.Item = MantineMenu.Item;
Menu.Divider = MantineMenu.Divider;
Menu.Sub = MantineMenu.Sub; // Back closes all of a menu: a part of it comes and goes by itself
