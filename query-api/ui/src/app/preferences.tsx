import { type ComponentChildren, createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";
import type { Zone } from "../time/nanos";
import { readStored, writeStored } from "./stored";

export type Theme = "system" | "light" | "dark";

interface Preferences {
  theme: Theme;
  setTheme: (theme: Theme) => void;
  /** What the theme comes to right now; canvases redraw when it changes. */
  dark: boolean;
  zone: Zone;
  setZone: (zone: Zone) => void;
}

const PreferencesContext = createContext<Preferences | null>(null);

export function PreferencesProvider({ children }: { children: ComponentChildren }) {
  const [theme, setTheme] = useStored<Theme>("sightline.theme", "system", ["system", "light", "dark"]);
  const [zone, setZone] = useStored<Zone>("sightline.zone", "local", ["local", "utc"]);
  const systemDark = useMedia("(prefers-color-scheme: dark)");
  const dark = theme === "dark" || (theme === "system" && systemDark);
  applyTheme(theme);
  const value = useMemo(
    () => ({ theme, setTheme, dark, zone, setZone }),
    [theme, setTheme, dark, zone, setZone],
  );
  return <PreferencesContext.Provider value={value}>{children}</PreferencesContext.Provider>;
}

export function usePreferences(): Preferences {
  const value = useContext(PreferencesContext);
  if (value === null) throw new Error("cannot read the preferences: no PreferencesProvider above");
  return value;
}

/** During render, so that children which read colours from the page see the right ones. */
function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = () => setMatches(media.matches);
    changed();
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

/** A preference kept in this browser; without storage (private mode) it lives as long as the page. */
function useStored<T extends string>(
  key: string,
  initial: T,
  allowed: readonly T[],
): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    const stored = readStored(key);
    return allowed.find((one) => one === stored) ?? initial;
  });
  const store = useCallback(
    (next: T) => {
      setValue(next);
      writeStored(key, next);
    },
    [key],
  );
  return [value, store];
}
