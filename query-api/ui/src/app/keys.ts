import { useEffect, useRef } from "preact/hooks";

export type KeyMap = Record<string, () => void>;

/**
 * Keys by `KeyboardEvent.key`; silent while somebody types or holds a modifier.
 * A page's key goes before the same key of the app around it.
 */
export function usePageKeys(keys: KeyMap, of: "page" | "app" = "page"): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const target: EventTarget = of === "page" ? document : window;
    const pressed = (raw: Event) => {
      const event = raw as KeyboardEvent;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target)) return;
      const action = Object.hasOwn(current.current, event.key) ? current.current[event.key] : undefined;
      if (!action) return;
      event.preventDefault();
      action();
    };
    target.addEventListener("keydown", pressed);
    return () => target.removeEventListener("keydown", pressed);
  }, [of]);
}

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}
