/** What is mine: profile, password, sessions, whom I block, how the page looks, my data. */

import {
  Alert,
  Badge,
  Button,
  FileButton,
  Group,
  Loader,
  Modal,
  PasswordInput,
  SegmentedControl,
  Stack,
  Switch,
  Tabs,
  Text,
  TextInput,
  Textarea,
  useMantineColorScheme,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { value } from "@carrier/client";
import { type FormEvent, useState } from "react";

import { api, carrier } from "../carrier";
import { PersonFace } from "../parts/face";
import { Failed } from "../parts/failed";
import { ago } from "../parts/when";
import { attempt } from "../state/acts";
import { useBlocked } from "../state/blocked";
import { canNotify, mayNotify, wantNotifications } from "../state/notify";
import { erased } from "../state/session";
import { change, useMe } from "../state/world";

export default function Settings({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="Settings" size="lg" centered>
      <Tabs defaultValue="profile" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="profile">Profile</Tabs.Tab>
          <Tabs.Tab value="page">This page</Tabs.Tab>
          <Tabs.Tab value="password">Password</Tabs.Tab>
          <Tabs.Tab value="sessions">Sessions</Tabs.Tab>
          <Tabs.Tab value="blocked">Blocked</Tabs.Tab>
          <Tabs.Tab value="data">My data</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="profile">
          <ProfileForm />
        </Tabs.Panel>
        <Tabs.Panel value="page">
          <Page />
        </Tabs.Panel>
        <Tabs.Panel value="password">
          <Password />
        </Tabs.Panel>
        <Tabs.Panel value="sessions">
          <Sessions />
        </Tabs.Panel>
        <Tabs.Panel value="blocked">
          <Blocked />
        </Tabs.Panel>
        <Tabs.Panel value="data">
          <Data />
        </Tabs.Panel>
      </Tabs>
    </Modal>
  );
}

const done = (message: string) => notifications.show({ color: "teal", message });

function fieldsOf(event: FormEvent<HTMLFormElement>): Record<string, string> {
  event.preventDefault();
  return Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]));
}

function ProfileForm() {
  const me = useMe();
  const save = (event: FormEvent<HTMLFormElement>) => {
    const { username = "", email = "", display_name = "", bio = "" } = fieldsOf(event);
    void attempt(async () => {
      change({ me: value(await api.PATCH("/users/me", { body: { username, email, display_name, bio: bio === "" ? (null as never) : bio } })) });
      done("Your profile is saved.");
    });
  };
  const setPicture = (file: File | null) => file !== null && void attempt(async () => change({ me: await carrier.setAvatar(file) }));
  const removePicture = () => attempt(async () => change({ me: value(await api.DELETE("/users/me/avatar")) }));
  return (
    <form onSubmit={save}>
      <Stack>
        <Group>
          <PersonFace id={me.id} size={72} />
          <FileButton onChange={setPicture} accept="image/png,image/jpeg,image/webp,image/gif">
            {(props) => (
              <Button {...props} variant="default">
                Choose a picture
              </Button>
            )}
          </FileButton>
          {me.avatar_url !== undefined && (
            <Button variant="subtle" color="gray" onClick={() => void removePicture()}>
              Remove it
            </Button>
          )}
        </Group>
        <TextInput name="display_name" label="Name" description="As others see it" defaultValue={me.display_name} maxLength={64} required />
        <TextInput name="username" label="Username" defaultValue={me.username} minLength={3} maxLength={32} autoCapitalize="none" required />
        <TextInput name="email" label="E-mail" type="email" defaultValue={me.email} required />
        <Textarea name="bio" label="About you" defaultValue={me.bio ?? ""} autosize minRows={2} maxRows={6} maxLength={500} />
        <Button type="submit">Save</Button>
      </Stack>
    </form>
  );
}

function Page() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [isOn, setOn] = useState(mayNotify());
  const toggle = async (wanted: boolean) => setOn(await wantNotifications(wanted));
  return (
    <Stack>
      <Text fw={600}>Light or dark</Text>
      <SegmentedControl
        aria-label="Light or dark"
        value={colorScheme}
        onChange={(scheme) => setColorScheme(scheme as "light" | "dark" | "auto")}
        data={[
          { value: "auto", label: "As the system" },
          { value: "light", label: "Light" },
          { value: "dark", label: "Dark" },
        ]}
      />
      <Switch
        mt="md"
        label="Notifications on this device"
        description={canNotify ? "For messages that come while you look elsewhere, except of muted chats" : "This browser cannot show them"}
        disabled={!canNotify}
        checked={isOn}
        onChange={(event) => void toggle(event.currentTarget.checked)}
      />
    </Stack>
  );
}

function Password() {
  const save = (event: FormEvent<HTMLFormElement>) => {
    const form = event.currentTarget;
    const { current_password = "", new_password = "" } = Object.fromEntries([...new FormData(form)].map(([name, text]) => [name, String(text)]));
    event.preventDefault();
    void attempt(async () => {
      value(await api.PUT("/users/me/password", { body: { current_password, new_password } }));
      form.reset();
      done("Your password is another. All your other sessions have ended.");
    });
  };
  return (
    <form onSubmit={save}>
      <Stack>
        <PasswordInput name="current_password" label="The present one" autoComplete="current-password" required />
        <PasswordInput name="new_password" label="The new one" description="Eight characters or more" autoComplete="new-password" minLength={8} required />
        <Button type="submit">Change the password</Button>
      </Stack>
    </form>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: async () => value(await api.GET("/auth/sessions")).items });
  const again = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const revoke = (id: string) =>
    attempt(async () => {
      value(await api.DELETE("/auth/sessions/{session_id}", { params: { path: { session_id: id } } }));
      await again();
    });
  const revokeOthers = () =>
    attempt(async () => {
      value(await api.DELETE("/auth/sessions"));
      await again();
    });
  if (sessions.isError) return <Failed error={sessions.error} onRetry={() => void sessions.refetch()} />;
  if (sessions.data === undefined) return <Loader type="dots" />;
  return (
    <Stack>
      {sessions.data.map((session) => (
        <Group key={session.id} justify="space-between" wrap="nowrap" className="card">
          <div className="grow">
            <Group gap="xs">
              <Text fw={600} truncate>
                {session.device ?? "A device without a name"}
              </Text>
              {session.current && <Badge tt="none">this one</Badge>}
            </Group>
            <Text size="sm" c="dimmed">
              Seen {ago(session.last_seen_at)}
            </Text>
          </div>
          {!session.current && (
            <Button size="compact-sm" variant="light" color="red" onClick={() => void revoke(session.id)}>
              End
            </Button>
          )}
        </Group>
      ))}
      {sessions.data.length > 1 && (
        <Button variant="light" color="red" onClick={() => void revokeOthers()}>
          End all others
        </Button>
      )}
    </Stack>
  );
}

function Blocked() {
  const queries = useQueryClient();
  const blocked = useBlocked();
  const unblock = (id: string) =>
    attempt(async () => {
      value(await api.DELETE("/users/me/blocks/{user_id}", { params: { path: { user_id: id } } }));
      await queries.invalidateQueries({ queryKey: ["blocked"] });
    });
  if (blocked.isError) return <Failed error={blocked.error} onRetry={() => void blocked.refetch()} />;
  if (blocked.data === undefined) return <Loader type="dots" />;
  if (blocked.data.length === 0) return <Text c="dimmed">You block nobody.</Text>;
  return (
    <Stack>
      {blocked.data.map((person) => (
        <Group key={person.id} wrap="nowrap" className="card">
          <PersonFace id={person.id} person={person} size={38} />
          <Text fw={600} className="grow" truncate>
            {person.display_name}
          </Text>
          <Button size="compact-sm" variant="light" onClick={() => void unblock(person.id)}>
            Unblock
          </Button>
        </Group>
      ))}
    </Stack>
  );
}

function Data() {
  const erase = (event: FormEvent<HTMLFormElement>) => {
    const { password = "" } = Object.fromEntries([...new FormData(event.currentTarget)].map(([name, text]) => [name, String(text)]));
    event.preventDefault();
    void attempt(async () => {
      value(await api.POST("/users/me/erase", { body: { password } }));
      erased();
    });
  };
  return (
    <Stack>
      <Text fw={600}>Take it with you</Text>
      <Text size="sm" c="dimmed">
        Your account, your chats and all of their messages, as JSON lines.
      </Text>
      <Button component="a" href="/v1/users/me/export" download="carrier.jsonl" variant="light">
        Download everything
      </Button>
      <Text fw={600} mt="lg">
        Delete the account
      </Text>
      <Alert color="red" variant="light">
        Your name, address, picture and password are gone for ever. What you wrote to others stays with them, as of a deleted account.
      </Alert>
      <form onSubmit={erase}>
        <Group align="flex-end">
          <PasswordInput className="grow" name="password" label="Your password" autoComplete="current-password" required />
          <Button type="submit" color="red.8">
            Delete my account
          </Button>
        </Group>
      </form>
    </Stack>
  );
}
