import type { RefObject } from "preact";
import { formatDuration } from "../time/nanos";
import type { View } from "./view";

interface RulerProps {
  nameWidth: number;
  timeWidth: number;
  ticks: number[];
  view: View;
  timeRef: RefObject<HTMLDivElement | null>;
  brush: { from: number; to: number } | null;
  onPointerDown: (event: PointerEvent) => void;
  onReset: () => void;
  onResize: (px: number) => void;
}

/** The head of the waterfall: column names and the time ruler; dragging along it zooms. */
export function Ruler(props: RulerProps) {
  const { nameWidth, timeWidth, ticks, view, timeRef, brush } = props;
  const length = view.to - view.from;
  return (
    <div class="ruler">
      {nameWidth > 0 && (
        <div class="ruler-names" style={{ width: `${nameWidth}px` }}>
          Service and operation
          <Divider width={nameWidth} onResize={props.onResize} />
        </div>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the wheel and the keys 0, n, N do the same */}
      <div
        class="ruler-time"
        ref={timeRef}
        style={{ width: `${timeWidth}px` }}
        title="Drag to zoom, double-click to show all"
        onPointerDown={props.onPointerDown}
        onDblClick={props.onReset}
      >
        {ticks.map((at) => (
          <span key={at} style={{ left: `${((at - view.from) / length) * 100}%` }}>
            {formatDuration(at)}
          </span>
        ))}
        {brush && (
          <div
            class="brush"
            style={{ left: `${brush.from * 100}%`, width: `${(brush.to - brush.from) * 100}%` }}
          />
        )}
      </div>
    </div>
  );
}

function Divider({ width, onResize }: { width: number; onResize: (px: number) => void }) {
  const drag = (event: PointerEvent) => {
    event.preventDefault();
    const from = event.clientX - width;
    const abort = new AbortController();
    addEventListener("pointermove", (move) => onResize(move.clientX - from), { signal: abort.signal });
    addEventListener("pointerup", () => abort.abort(), { signal: abort.signal });
    addEventListener("pointercancel", () => abort.abort(), { signal: abort.signal });
  };
  const key = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    onResize(width + (event.key === "ArrowLeft" ? -24 : 24));
  };
  return (
    <div
      class="divider"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the names"
      aria-valuenow={width}
      tabIndex={0}
      onPointerDown={drag}
      onKeyDown={key}
    />
  );
}
