import "@fontsource-variable/inter";
import "./mantine.css";
import "./page.css";

import { DirectionProvider, MantineProvider } from "@mantine/core";
import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ErrorBoundary } from "react-error-boundary";
import { Router } from "wouter";

import { resume } from "./actions/session";
import { App } from "./app";
import { ignoreInputMethod } from "./hooks/input-method";
import { aroundLayers } from "./hooks/use-back";
import { LazyBoundary } from "./parts/lazy-boundary";
import { Crash } from "./screens/crash";
import { ofTab } from "./state/storage";
import { theme, variables } from "./theme";

const Notices = lazy(() => import("./parts/notices"));

// The server has a newer page, and the files of this one are gone. The page reloads once a minute
// at most, so that a file that is missing does not make it reload for ever.
addEventListener("vite:preloadError", () => {
  const last = Number(ofTab.getItem("carrier.renewed"));
  if (!navigator.onLine || Date.now() - last < 60_000) return;
  ofTab.setItem("carrier.renewed", String(Date.now()));
  location.reload();
});

ignoreInputMethod();
void resume();
const page = document.getElementById("page");
if (page === null) throw new Error("index.html has no #page");
createRoot(page).render(
  <StrictMode>
    <DirectionProvider>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
        <LazyBoundary isQuiet>
          <Notices />
        </LazyBoundary>
        <ErrorBoundary FallbackComponent={Crash}>
          <Router aroundNav={aroundLayers}>
            <App />
          </Router>
        </ErrorBoundary>
      </MantineProvider>
    </DirectionProvider>
  </StrictMode>,
);
