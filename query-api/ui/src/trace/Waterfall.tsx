import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useMedia } from "../app/preferences";
import { readStored, writeStored } from "../app/stored";
import { useSize } from "../charts/canvas";
import { useBrush } from "../charts/useBrush";
import { type Fold, indexOfRow, isFolded } from "./fold";
import { Ruler } from "./Ruler";
import { rowKey, type TraceTree } from "./tree";
import { clampView, ticksOf, type View, zoomView } from "./view";
import { type RowActions, WaterfallRow } from "./WaterfallRow";

interface WaterfallProps {
  tree: TraceTree;
  rows: Int32Array;
  fold: Fold;
  colours: Map<string, number>;
  view: View;
  whole: View;
  /** The row under the keyboard, -1 for none. */
  cursor: number;
  selected: string | null;
  matches: Int32Array;
  actions: RowActions;
  onView: (view: View, how: "push" | "replace") => void;
  onKey: (event: KeyboardEvent, pageRows: number) => void;
}

const WIDE_ROW = 24;
const NARROW_ROW = 40;
const OVERSCAN = 12;
const NAME_KEY = "sightline.trace.names";

/** The rows of a trace. Only those in sight are in the document, however long the trace is. */
export function Waterfall(props: WaterfallProps) {
  const { tree, rows, fold, view, whole, cursor, matches, actions, onView, onKey } = props;
  const narrow = useMedia("(max-width: 720px)");
  const rowHeight = narrow ? NARROW_ROW : WIDE_ROW;
  const { ref, width, height } = useSize<HTMLDivElement>();
  const [top, setTop] = useState(0);
  const [names, setNames] = useNameWidth(width);
  const nameWidth = narrow ? 0 : names;
  const timeWidth = Math.max(1, width - nameWidth);

  useScrollToCursor(ref, rows, cursor, rowHeight, height);
  useWheelZoom(ref, view, whole, nameWidth, timeWidth, onView);

  const ticks = useMemo(() => ticksOf(view, 0, Math.max(2, Math.floor(timeWidth / 110))), [view, timeWidth]);
  const time = useRef<HTMLDivElement>(null);
  const brush = useBrush(time, (from, to) => {
    const length = view.to - view.from;
    onView(clampView({ from: view.from + from * length, to: view.from + to * length }, whole), "push");
  });

  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  // A pool as large as the window and keys modulo its size: scrolling re-uses rows, it never makes new ones.
  const pool = Math.ceil(height / rowHeight) + 2 * OVERSCAN + 1;
  const marked = useMemo(() => new Set(matches), [matches]);
  const shown = [];
  for (let index = first; index < last; index += 1) {
    const row = rows[index] as number;
    shown.push(
      <WaterfallRow
        key={index % pool}
        tree={tree}
        row={row}
        index={index}
        top={index * rowHeight}
        height={rowHeight}
        narrow={narrow}
        nameWidth={nameWidth}
        view={view}
        colour={colourOf(props, row)}
        folded={isFolded(tree, row, fold)}
        cursor={row === cursor}
        selected={props.selected !== null && rowKey(tree, row) === props.selected}
        matched={marked.has(row)}
        actions={actions}
      />,
    );
  }

  return (
    <div class="waterfall">
      <Ruler
        nameWidth={nameWidth}
        timeWidth={timeWidth}
        ticks={ticks}
        view={view}
        timeRef={time}
        brush={brush.range}
        onPointerDown={brush.start}
        onReset={() => onView(whole, "push")}
        onResize={setNames}
      />
      <div
        class="waterfall-scroll"
        ref={ref}
        role="treegrid"
        aria-label="Spans of the trace"
        aria-rowcount={rows.length}
        aria-activedescendant={cursor >= 0 ? `row-${cursor}` : undefined}
        tabIndex={0}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={(event) => onKey(event, Math.max(1, Math.floor(height / rowHeight) - 1))}
      >
        <div class="waterfall-rows" style={{ height: `${rows.length * rowHeight}px` }}>
          {shown}
        </div>
      </div>
      <div
        class="waterfall-grid"
        aria-hidden="true"
        style={{ left: `${nameWidth}px`, width: `${timeWidth}px` }}
      >
        {ticks.map((at) => (
          <i key={at} style={{ left: `${((at - view.from) / (view.to - view.from)) * 100}%` }} />
        ))}
      </div>
    </div>
  );
}

function colourOf({ tree, colours }: WaterfallProps, row: number): number {
  const item = tree.item[row] as number;
  const service =
    tree.kind[row] === 0 ? tree.spans[item]?.service : tree.kind[row] === 2 ? tree.logs[item]?.service : "";
  return colours.get(service ?? "") ?? 0;
}

function useNameWidth(width: number): [number, (px: number) => void] {
  const [share, setShare] = useState(() => Number(readStored(NAME_KEY)) || 0.34);
  const set = useCallback(
    (px: number) => {
      const next = Math.min(0.75, Math.max(0.12, px / Math.max(width, 1)));
      setShare(next);
      writeStored(NAME_KEY, next.toFixed(3));
    },
    [width],
  );
  return [Math.round(width * share), set];
}

/** Bring the row under the cursor into sight when the cursor moves, and only then. */
function useScrollToCursor(
  ref: { current: HTMLDivElement | null },
  rows: Int32Array,
  cursor: number,
  rowHeight: number,
  height: number,
): void {
  const placed = useRef(-1);
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box || cursor < 0 || height === 0 || placed.current === cursor) return;
    const far = placed.current < 0;
    placed.current = cursor;
    const y = indexOfRow(rows, cursor) * rowHeight;
    const margin = rowHeight * 2;
    const room = box.clientHeight;
    if (y >= box.scrollTop + margin && y + rowHeight <= box.scrollTop + room - margin) return;
    const jump = far || Math.abs(y - box.scrollTop) > room * 2;
    if (jump) box.scrollTop = y - room / 3;
    else if (y < box.scrollTop + margin) box.scrollTop = y - margin;
    else box.scrollTop = y + rowHeight + margin - room;
  }, [ref, rows, cursor, rowHeight, height]);
}

/** Ctrl or ⌘ with the wheel zooms about the pointer, shift with the wheel pans. */
function useWheelZoom(
  ref: { current: HTMLDivElement | null },
  view: View,
  whole: View,
  nameWidth: number,
  timeWidth: number,
  onView: WaterfallProps["onView"],
): void {
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
      event.preventDefault();
      const length = view.to - view.from;
      const turned = event.deltaY || event.deltaX;
      if (event.shiftKey) {
        const by = (Math.sign(turned) * length) / 10;
        const from = Math.min(Math.max(view.from + by, whole.from), whole.to - length);
        onView({ from, to: from + length }, "replace");
        return;
      }
      const share = (event.clientX - box.getBoundingClientRect().left - nameWidth) / timeWidth;
      const centre = view.from + Math.min(1, Math.max(0, share)) * length;
      onView(zoomView(view, centre, turned > 0 ? 1.25 : 0.8, whole), "replace");
    };
    box.addEventListener("wheel", wheel, { passive: false });
    return () => box.removeEventListener("wheel", wheel);
  }, [ref, view, whole, nameWidth, timeWidth, onView]);
}
