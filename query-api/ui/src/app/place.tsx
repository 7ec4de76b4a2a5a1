import { type ComponentChildren, createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";

/** Where the reader is: the URL is the only state that several parts of a page share. */
export interface Place {
  path: string;
  query: URLSearchParams;
  navigate: (to: string, how?: "push" | "replace") => void;
  /** Change query parameters of the current page; null or "" removes one. */
  update: (changes: Record<string, string | null>, how?: "push" | "replace") => void;
}

const PlaceContext = createContext<Place | null>(null);

export function PlaceProvider({ children }: { children: ComponentChildren }) {
  const [url, setUrl] = useState(() => location.pathname + location.search);

  const navigate = useCallback((to: string, how: "push" | "replace" = "push") => {
    if (to === location.pathname + location.search) return;
    history[how === "push" ? "pushState" : "replaceState"](null, "", to);
    if (how === "push") window.scrollTo(0, 0);
    setUrl(to);
  }, []);

  const update = useCallback(
    (changes: Record<string, string | null>, how: "push" | "replace" = "push") => {
      navigate(location.pathname + withChanges(new URLSearchParams(location.search), changes), how);
    },
    [navigate],
  );

  useEffect(() => {
    const back = () => setUrl(location.pathname + location.search);
    const click = (event: MouseEvent) => {
      const to = localTarget(event);
      if (to === null) return;
      event.preventDefault();
      navigate(to);
    };
    addEventListener("popstate", back);
    document.addEventListener("click", click);
    return () => {
      removeEventListener("popstate", back);
      document.removeEventListener("click", click);
    };
  }, [navigate]);

  const place = useMemo(() => {
    const [path = "/", query = ""] = url.split("?", 2);
    return { path, query: new URLSearchParams(query), navigate, update };
  }, [url, navigate, update]);
  return <PlaceContext.Provider value={place}>{children}</PlaceContext.Provider>;
}

/** The address of a plain left click on a link into this app, else null. */
function localTarget(event: MouseEvent): string | null {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const anchor = (event.target as Element | null)?.closest?.("a[href]");
  if (!(anchor instanceof HTMLAnchorElement) || anchor.target || anchor.hasAttribute("download")) return null;
  if (anchor.origin !== location.origin || anchor.pathname.startsWith("/api/")) return null;
  if (anchor.hash && anchor.pathname === location.pathname) return null;
  return anchor.pathname + anchor.search;
}

export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (place === null) throw new Error("cannot read the place: no PlaceProvider above");
  return place;
}

/** The query string (with `?`, or empty) after `changes`. */
export function withChanges(query: URLSearchParams, changes: Record<string, string | null>): string {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  return text ? `?${text}` : "";
}

const CARRIED = ["range", "start", "end"];

/** Makes addresses of other pages that keep the reader's time range. */
export function useHref(): (path: string, query?: Record<string, string | null>) => string {
  const { query } = usePlace();
  return useCallback(
    (path, extra = {}) => {
      const kept = new URLSearchParams();
      for (const key of CARRIED) {
        const value = query.get(key);
        if (value !== null) kept.set(key, value);
      }
      return path + withChanges(kept, extra);
    },
    [query],
  );
}

export function tracePath(traceId: string): string {
  return `/traces/${encodeURIComponent(traceId)}`;
}

export function servicePath(service: string): string {
  return `/services/${encodeURIComponent(service)}`;
}

export function correlationPath(id: string): string {
  return `/correlations/${encodeURIComponent(id)}`;
}
