import { ActionIcon, type ActionIconProps } from "@mantine/core";
import type { ReactNode } from "react";

import { Hint } from "./hint";

interface Props extends ActionIconProps {
  /** The name of the button, which is its tooltip too. */
  label: string;
  icon: ReactNode;
  onClick?: () => void;
}

/** A round button with an icon. */
export function ToolButton({ label, icon, ...props }: Props) {
  return (
    <Hint label={label}>
      <ActionIcon variant="subtle" color="gray" size={38} radius="xl" aria-label={label} {...props}>
        {icon}
      </ActionIcon>
    </Hint>
  );
}
