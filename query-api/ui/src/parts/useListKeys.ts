import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import { isTyping, usePageKeys } from "../app/keys";

/** j/k and the arrow keys move between the elements marked `data-row`; Enter follows the link by itself. */
export function useListKeys<E extends HTMLElement>(): RefObject<E | null> {
  const list = useRef<E>(null);
  const move = (by: 1 | -1) => {
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    if (rows.length === 0 || isTyping(document.activeElement)) return;
    const at = rows.findIndex(
      (row) => row === document.activeElement || row.contains(document.activeElement),
    );
    const next = at < 0 ? (by === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next]?.focus();
    rows[next]?.scrollIntoView({ block: "nearest" });
  };
  usePageKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
  });
  return list;
}
