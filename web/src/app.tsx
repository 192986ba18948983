/** The account at the page decides what it shows. */

import { Center, Loader, Stack, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch } from "wouter";

import { useNoSkeleton } from "./hooks/use-skeleton";
import { useWorld } from "./hooks/use-world";

const Join = lazy(() => import("./screens/join"));
const Landing = lazy(() => import("./screens/landing"));
const LogIn = lazy(() => import("./screens/log-in"));
const NotFound = lazy(() => import("./screens/not-found"));
const Shell = lazy(() => import("./screens/shell"));
const SignUp = lazy(() => import("./screens/sign-up"));

export function App() {
  const isKnown = useWorld((world) => world.me !== undefined);
  const isLoggedIn = useWorld((world) => world.me != null);
  useNoSkeleton(isKnown && !isLoggedIn);
  if (!isKnown) return <PageLoader />;
  if (isLoggedIn) {
    return (
      <Suspense fallback={<PageLoader />}>
        <Switch>
          <Route path="/c/:chat?">{({ chat }) => <Shell chat={chat} />}</Route>
          <Route path="/join/:token">{({ token }) => <Join token={token} />}</Route>
          <Route path={/^\/(login|signup)?$/}>
            <Redirect to="/c" replace />
          </Route>
          <Route component={NotFound} />
        </Switch>
      </Suspense>
    );
  }
  return (
    <Suspense fallback={<PageLoader />}>
      <Switch>
        <Route path="/signup" component={SignUp} />
        <Route path="/login" component={LogIn} />
        <Route path="/c/:chat?" component={LogIn} />
        <Route path="/join/:token" component={LogIn} />
        <Route path="/" component={Landing} />
        <Route component={NotFound} />
      </Switch>
    </Suspense>
  );
}

function PageLoader() {
  const isOffline = useWorld((world) => world.connection === "offline");
  return (
    <Center mih="100dvh" className="page-loader">
      <Stack align="center">
        <Loader type="dots" aria-label="Loading" />
        {isOffline && <Text c="dimmed">The server isn’t responding. Trying again…</Text>}
      </Stack>
    </Center>
  );
}
