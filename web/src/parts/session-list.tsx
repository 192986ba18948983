import type { components } from "@carrier/client";
import { Badge, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { endOtherSessions, endSession, fetchSessions } from "../actions/account";
import { attempt } from "../actions/attempt";
import { ago } from "../state/dates";
import { isolated } from "../state/direction";
import { askToConfirm } from "../state/question";
import { LoadError } from "./load-error";
import { Queries } from "./queries";

type Session = components["schemas"]["SessionView"];

const KEY = ["sessions"];

/** My sessions, each of which can be ended. */
export function SessionList() {
  return (
    <Queries>
      <Sessions />
    </Queries>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const { data, error, isError, refetch } = useQuery({ queryKey: KEY, queryFn: fetchSessions });
  const change = (act: () => Promise<void>) =>
    attempt(async () => {
      await act();
      await queries.invalidateQueries({ queryKey: KEY });
    });
  const end = async ({ id, device }: Session) => {
    const isConfirmed = await askToConfirm(
      "End this session?",
      `${isolated(device ?? "The device")} will be logged out.`,
      "End session",
    );
    if (isConfirmed) await change(() => endSession(id));
  };
  const endOthers = async () => {
    const isConfirmed = await askToConfirm(
      "End all other sessions?",
      "You will be logged out everywhere but here.",
      "End sessions",
    );
    if (isConfirmed) await change(endOtherSessions);
  };
  if (isError) return <LoadError error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loader type="dots" />;
  return (
    <Stack>
      {data.map((session) => (
        <SessionRow key={session.id} session={session} onEnd={() => void end(session)} />
      ))}
      {data.length > 1 && (
        <Button variant="light" color="red" onClick={() => void endOthers()}>
          End all other sessions
        </Button>
      )}
    </Stack>
  );
}

function SessionRow({ session, onEnd }: { session: Session; onEnd: () => void }) {
  return (
    <Group justify="space-between" wrap="nowrap" className="card">
      <div className="grow">
        <Group gap="xs">
          <Text fw={600} truncate>
            {session.device ?? "Unnamed device"}
          </Text>
          {session.current && <Badge tt="none">this device</Badge>}
        </Group>
        <Text size="sm" c="dimmed">
          Last active {ago(session.last_seen_at)}
        </Text>
      </div>
      {!session.current && (
        <Button size="compact-sm" variant="light" color="red" onClick={onEnd}>
          End
        </Button>
      )}
    </Group>
  );
}
