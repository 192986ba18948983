import "@fontsource-variable/inter";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./page.css";

import { MantineProvider } from "@mantine/core";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ErrorBoundary } from "react-error-boundary";

import { App } from "./app";
import { Broken } from "./screens/broken";
import { resume } from "./state/session";
import { theme, variables } from "./theme";

const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 5_000, retry: 1 } } });

// The server has another page than this one, whose parts are gone: once, so that a missing file is no circle.
addEventListener("vite:preloadError", () => {
  const last = Number(sessionStorage.getItem("carrier.renewed"));
  if (!navigator.onLine || Date.now() - last < 60_000) return;
  sessionStorage.setItem("carrier.renewed", String(Date.now()));
  location.reload();
});

void resume();
createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Notifications position="top-center" limit={3} />
        <ModalsProvider modalProps={{ closeButtonProps: { "aria-label": "Close" } }}>
          <ErrorBoundary FallbackComponent={Broken}>
            <App />
          </ErrorBoundary>
        </ModalsProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
