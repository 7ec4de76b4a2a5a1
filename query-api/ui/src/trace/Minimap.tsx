import { useEffect, useMemo, useRef } from "preact/hooks";
import { usePreferences } from "../app/preferences";
import { themeColours, useSize } from "../charts/canvas";
import { useBrush } from "../charts/useBrush";
import { formatDuration } from "../time/nanos";
import { SPAN, type TraceTree } from "./tree";
import { clampView, isWhole, ticksOf, type View } from "./view";

interface MinimapProps {
  tree: TraceTree;
  colours: Map<string, number>;
  view: View;
  whole: View;
  onView: (view: View) => void;
}

const HEIGHT = 60;

/** The whole trace small, one line per span; dragging chooses what the waterfall shows. */
export function Minimap({ tree, colours, view, whole, onView }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { ref, width } = useSize<HTMLDivElement>();
  const { dark } = usePreferences();
  useEffect(() => {
    if (canvas.current && width > 0) paint(canvas.current, width, tree, colours, whole);
  }, [tree, colours, whole, width, dark]);

  const length = whole.to - whole.from;
  const brush = useBrush(ref, (from, to) =>
    onView(clampView({ from: whole.from + from * length, to: whole.from + to * length }, whole)),
  );
  const ticks = useMemo(() => ticksOf(whole, 0, Math.max(2, Math.floor(width / 130))), [whole, width]);
  const zoomed = !isWhole(view, whole);
  const left = ((view.from - whole.from) / length) * 100;
  const right = ((view.to - whole.from) / length) * 100;
  return (
    <div class="minimap">
      <div class="minimap-ticks" aria-hidden="true">
        {ticks.map((at) => (
          <span key={at} style={{ left: `${((at - whole.from) / length) * 100}%` }}>
            {formatDuration(at)}
          </span>
        ))}
      </div>
      <div
        class="minimap-area"
        ref={ref}
        role="img"
        aria-label="Overview of the trace. Drag to zoom, double-click to show all."
        onPointerDown={brush.start}
        onDblClick={() => onView(whole)}
      >
        <canvas ref={canvas} />
        {zoomed && <div class="minimap-shade" style={{ left: "0", width: `${left}%` }} />}
        {zoomed && <div class="minimap-shade" style={{ left: `${right}%`, right: "0" }} />}
        {zoomed && <div class="minimap-window" style={{ left: `${left}%`, width: `${right - left}%` }} />}
        {brush.range && (
          <div
            class="brush"
            style={{
              left: `${brush.range.from * 100}%`,
              width: `${(brush.range.to - brush.range.from) * 100}%`,
            }}
          />
        )}
      </div>
    </div>
  );
}

function paint(
  canvas: HTMLCanvasElement,
  width: number,
  tree: TraceTree,
  colours: Map<string, number>,
  whole: View,
): void {
  const context = sizedContext(canvas, width);
  if (!context) return;
  const palette = themeColours(canvas);
  const scale = width / (whole.to - whole.from);
  const rows = tree.length;
  const line = Math.max(1, Math.min(4, HEIGHT / rows - 0.5));
  const rowY = (row: number) => Math.min((row / rows) * HEIGHT, HEIGHT - line);
  // Errors go last: one failed span among 50,000 must still be seen.
  const failed: number[] = [];
  for (let row = 0; row < rows; row += 1) {
    if (tree.kind[row] !== SPAN) continue;
    const span = tree.spans[tree.item[row] as number];
    if (span?.status === "error") failed.push(row);
    context.fillStyle = palette.services[colours.get(span?.service ?? "") ?? 0] ?? palette.muted;
    const x = ((tree.start[row] as number) - whole.from) * scale;
    context.fillRect(x, rowY(row), Math.max(1, (tree.duration[row] as number) * scale), line);
  }
  context.fillStyle = palette.error;
  for (const row of failed) {
    const x = ((tree.start[row] as number) - whole.from) * scale;
    context.fillRect(x, rowY(row), Math.max(2, (tree.duration[row] as number) * scale), Math.max(line, 1.5));
  }
}

function sizedContext(canvas: HTMLCanvasElement, width: number): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  const context = canvas.getContext("2d");
  context?.scale(ratio, ratio);
  return context;
}
