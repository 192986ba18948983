/** Who is at the page decides what it shows. */

import { Center, Loader, Stack, Text } from "@mantine/core";
import { Suspense, lazy } from "react";
import { Redirect, Route, Switch } from "wouter";

import { Landing } from "./screens/landing";
import { LogIn, SignUp } from "./screens/entrance";
import { useWorld } from "./state/world";

const Shell = lazy(() => import("./screens/shell"));

export function App() {
  const isKnown = useWorld((world) => world.me !== undefined);
  const isIn = useWorld((world) => world.me !== undefined && world.me !== null);
  if (!isKnown) return <Waiting />;
  if (isIn) {
    return (
      <Suspense fallback={<Waiting />}>
        <Switch>
          <Route path="/c/:chat?">{({ chat }) => <Shell chat={chat} />}</Route>
          <Route>
            <Redirect to="/c" replace />
          </Route>
        </Switch>
      </Suspense>
    );
  }
  return (
    <Switch>
      <Route path="/signup" component={SignUp} />
      <Route path="/login" component={LogIn} />
      <Route path="/c/:chat?" component={LogIn} />
      <Route component={Landing} />
    </Switch>
  );
}

function Waiting() {
  const isOffline = useWorld((world) => world.connection === "offline");
  return (
    <Center mih="100dvh">
      <Stack align="center">
        <Loader type="dots" aria-label="Loading" />
        {isOffline && <Text c="dimmed">The server does not answer. Trying again …</Text>}
      </Stack>
    </Center>
  );
}
