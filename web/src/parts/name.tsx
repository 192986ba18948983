import { Text, type TextProps } from "@mantine/core";

import { withFewMarks } from "../state/markdown";

interface Props extends TextProps {
  children: string;
  component?: "h1" | "span" | "div";
}

/** A name in one line, which is cut where there is no more room, and whole when pointed at. */
export function Name({ children, className = "", ...props }: Props) {
  const name = withFewMarks(children);
  return (
    <Text truncate dir="auto" title={name} className={`name ${className}`} {...props}>
      {name}
    </Text>
  );
}
