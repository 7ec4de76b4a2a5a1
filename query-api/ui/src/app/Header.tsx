import { Icon } from "../parts/Icon";
import { RangePicker } from "../time/RangePicker";
import { useHref } from "./place";
import { type Theme, usePreferences } from "./preferences";
import type { Route } from "./routes";
import { SearchBox } from "./SearchBox";

const LINKS: readonly { to: string; label: string; pages: readonly Route["page"][]; minor?: boolean }[] = [
  { to: "/", label: "Services", pages: ["services", "service"] },
  { to: "/traces", label: "Traces", pages: ["traces", "trace"] },
  { to: "/logs", label: "Logs", pages: ["logs"] },
  { to: "/map", label: "Map", pages: ["map"] },
  { to: "/status", label: "Status", pages: ["status"], minor: true },
  { to: "/ledger", label: "Ledger", pages: ["ledger"], minor: true },
  { to: "/quarantine", label: "Quarantine", pages: ["quarantine"], minor: true },
  { to: "/dead-letters", label: "Dead letters", pages: ["dead-letters"], minor: true },
];

/** A trace and a correlation id are found at whatever time they happened: no range to choose there. */
const TIMELESS: readonly Route["page"][] = ["trace", "correlation"];

export function Header({ route, onHelp }: { route: Route; onHelp: () => void }) {
  const href = useHref();
  return (
    <header class="header">
      <a class="logo" href={href("/")}>
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <path d="M2 12h6M16 12h6" />
          <circle cx="12" cy="12" r="4" />
          <circle class="logo-dot" cx="12" cy="12" r="1.5" />
        </svg>
        <span>Sightline</span>
      </a>
      <nav class="nav" aria-label="Pages">
        {LINKS.map((link) => (
          <a
            key={link.to}
            href={href(link.to)}
            class={link.minor ? "nav-minor" : ""}
            aria-current={link.pages.includes(route.page) ? "page" : undefined}
          >
            {link.label}
          </a>
        ))}
      </nav>
      <div class="header-tools">
        {route.page !== "services" && <SearchBox />}
        {!TIMELESS.includes(route.page) && <RangePicker />}
        <ZoneButton />
        <ThemeButton />
        <button
          type="button"
          class="icon-button help-button"
          aria-label="Keyboard shortcuts (?)"
          title="Keyboard shortcuts (?)"
          onClick={onHelp}
        >
          ?
        </button>
      </div>
    </header>
  );
}

function ZoneButton() {
  const { zone, setZone } = usePreferences();
  const utc = zone === "utc";
  const title = utc ? "Times are in UTC. Show local time (z)" : "Times are local. Show UTC (z)";
  return (
    <button
      type="button"
      class="zone-button"
      title={title}
      aria-label={title}
      onClick={() => setZone(utc ? "local" : "utc")}
    >
      {utc ? "UTC" : "local"}
    </button>
  );
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function ThemeButton() {
  const { theme, setTheme } = usePreferences();
  const title = `Theme: ${theme}. Change to ${NEXT[theme]}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={title}
      title={title}
      onClick={() => setTheme(NEXT[theme])}
    >
      <Icon name={theme === "system" ? "system" : theme === "light" ? "sun" : "moon"} />
    </button>
  );
}
