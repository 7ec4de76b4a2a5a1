import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { SERVICE_COLOURS } from "../app/palette";

export interface ThemeColours {
  text: string;
  muted: string;
  line: string;
  accent: string;
  error: string;
  services: string[];
}

/** The style sheet's colours as a canvas needs them: resolved for the theme in force at `element`. */
export function themeColours(element: Element): ThemeColours {
  const probe = document.createElement("span");
  probe.hidden = true;
  (element.parentElement ?? document.body).append(probe);
  const read = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    text: read("text"),
    muted: read("muted"),
    line: read("line"),
    accent: read("accent"),
    error: read("error"),
    services: Array.from({ length: SERVICE_COLOURS }, (_, index) => read(`service-${index}`)),
  };
  probe.remove();
  return colours;
}

export function readColours(element: Element, names: readonly string[]): string[] {
  const probe = document.createElement("span");
  probe.hidden = true;
  (element.parentElement ?? document.body).append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}

/** The element's inner size in CSS pixels, kept up to date. */
export function useSize<E extends HTMLElement>(): {
  ref: RefObject<E | null>;
  width: number;
  height: number;
} {
  const ref = useRef<E>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => {
      const next = { width: element.clientWidth, height: element.clientHeight };
      setSize((now) => (now.width === next.width && now.height === next.height ? now : next));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, ...size };
}
