import { Notifications } from "@mantine/notifications";

/** Messages that go away by themselves. */
export default function Notices() {
  return <Notifications position="top-center" limit={3} />;
}
