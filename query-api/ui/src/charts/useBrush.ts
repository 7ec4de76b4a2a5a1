import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";

interface Range {
  from: number;
  to: number;
}

const SHORTEST_DRAG_PX = 4;

/** Drag across an element to choose a part of it, in shares of its width. A click chooses nothing. */
export function useBrush(
  element: RefObject<HTMLElement | null>,
  onRange: (from: number, to: number) => void,
): { range: Range | null; start: (event: PointerEvent) => void } {
  const [range, setRange] = useState<Range | null>(null);
  const chosen = useRef(onRange);
  chosen.current = onRange;

  const start = (event: PointerEvent) => {
    const box = element.current?.getBoundingClientRect();
    if (!box || event.button !== 0 || box.width === 0) return;
    event.preventDefault();
    const share = (x: number) => Math.min(1, Math.max(0, (x - box.left) / box.width));
    const anchor = event.clientX;
    const rangeTo = (x: number): Range | null =>
      Math.abs(x - anchor) < SHORTEST_DRAG_PX
        ? null
        : { from: share(Math.min(anchor, x)), to: share(Math.max(anchor, x)) };
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const end = (last: Range | null) => {
      abort.abort();
      setRange(null);
      if (last && last.to > last.from) chosen.current(last.from, last.to);
    };
    addEventListener("pointermove", (move) => setRange(rangeTo(move.clientX)), options);
    addEventListener("pointerup", (up) => end(rangeTo(up.clientX)), options);
    addEventListener("pointercancel", () => end(null), options);
  };
  return { range, start };
}
