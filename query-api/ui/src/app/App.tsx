import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { CorrelationPage } from "../correlation/CorrelationPage";
import { QuarantinePage } from "../health/QuarantinePage";
import { StatusPage } from "../health/StatusPage";
import { LedgerPage } from "../ledger/LedgerPage";
import { DeadLettersPage } from "../letters/DeadLettersPage";
import { LogsPage } from "../logs/LogsPage";
import { MapPage } from "../map/MapPage";
import { Empty } from "../parts/states";
import { ServicePage } from "../services/ServicePage";
import { ServicesPage } from "../services/ServicesPage";
import { RangeProvider, useRange } from "../time/RangeContext";
import { TracePage } from "../trace/TracePage";
import { TracesPage } from "../traces/TracesPage";
import { Header } from "./Header";
import { usePageKeys } from "./keys";
import { Palette, PaletteContext } from "./palette";
import { PlaceProvider, useHref, usePlace } from "./place";
import { PreferencesProvider, usePreferences } from "./preferences";
import { type Route, routeOf } from "./routes";
import { Shortcuts } from "./Shortcuts";

export function App() {
  const [palette] = useState(() => Palette.stored());
  return (
    <PreferencesProvider>
      <PaletteContext.Provider value={palette}>
        <PlaceProvider>
          <RangeProvider>
            <Shell />
          </RangeProvider>
        </PlaceProvider>
      </PaletteContext.Provider>
    </PreferencesProvider>
  );
}

function Shell() {
  const { path, navigate } = usePlace();
  const href = useHref();
  const { refresh } = useRange();
  const { theme, setTheme, zone, setZone } = usePreferences();
  const [help, setHelp] = useState(false);
  const route = routeOf(path);
  usePageKeys(
    {
      "?": () => setHelp(true),
      r: refresh,
      z: () => setZone(zone === "utc" ? "local" : "utc"),
      d: () => setTheme(theme === "dark" ? "light" : "dark"),
      1: () => navigate(href("/")),
      2: () => navigate(href("/traces")),
      3: () => navigate(href("/logs")),
      4: () => navigate(href("/map")),
      5: () => navigate(href("/status")),
    },
    "app",
  );
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header route={route} onHelp={() => setHelp(true)} />
      <main id="main" class={`page page-${route.page}`} tabIndex={-1}>
        {pageOf(route)}
      </main>
      {help && <Shortcuts onClose={() => setHelp(false)} />}
    </>
  );
}

function pageOf(route: Route): JSX.Element {
  switch (route.page) {
    case "services":
      return <ServicesPage />;
    case "service":
      return <ServicePage key={route.service} service={route.service} />;
    case "traces":
      return <TracesPage />;
    case "trace":
      return <TracePage key={route.traceId} traceId={route.traceId} />;
    case "logs":
      return <LogsPage />;
    case "correlation":
      return <CorrelationPage key={route.id} id={route.id} />;
    case "map":
      return <MapPage />;
    case "status":
      return <StatusPage />;
    case "ledger":
      return <LedgerPage />;
    case "quarantine":
      return <QuarantinePage />;
    case "dead-letters":
      return <DeadLettersPage />;
    case "unknown":
      return (
        <Empty title="There is no such page">
          <p>
            <a href="/">Go to the services</a>
          </p>
        </Empty>
      );
  }
}
