import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { LogRecord, Trace } from "../api/types";
import { usePages, useResource } from "../api/useResource";
import { usePageKeys } from "../app/keys";
import { usePalette } from "../app/palette";
import { tracePath, usePlace } from "../app/place";
import { Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { Finder, nextMatch } from "./find";
import { indexOfRow, revealed, toggled, visibleRows } from "./fold";
import { movedCursor } from "./keyboard";
import { Minimap } from "./Minimap";
import { RowPanel } from "./RowPanel";
import { TraceHeader } from "./TraceHeader";
import { TraceToolbar } from "./TraceToolbar";
import { buildTree, rowKey, rowOfKey, type TraceTree } from "./tree";
import { useTraceState } from "./useTraceState";
import { panTo } from "./view";
import { Waterfall } from "./Waterfall";

const LOG_PAGE = 1000;
const NO_LOGS: readonly LogRecord[] = [];

export function TracePage({ traceId }: { traceId: string }) {
  useTitle(`Trace ${traceId.slice(0, 8)}`);
  const [full, setFull] = useState(false);
  const path = apiPath(tracePath(traceId), { details: full ? "full" : "" });
  const trace = useResource<Trace>(path);
  if (trace.error) return <Failure error={trace.error} what="this trace" retry={trace.reload} />;
  // While all details load, the skeleton stays; another trace never shows under this one's id.
  if (trace.data?.trace_id !== traceId) return <Loading what="trace" />;
  return (
    <TraceView
      key={traceId}
      trace={trace.data}
      reload={trace.reload}
      loadAll={full ? null : () => setFull(true)}
      loading={trace.loading}
    />
  );
}

interface ViewProps {
  trace: Trace;
  loading: boolean;
  reload: () => void;
  loadAll: (() => void) | null;
}

function TraceView({ trace, loading, reload, loadAll }: ViewProps) {
  const hasLogs = trace.log_count > 0;
  const logs = usePages<LogRecord>(
    hasLogs ? apiPath("/logs", { trace_id: trace.trace_id, limit: LOG_PAGE, order: "asc" }) : null,
  );
  const tree = useTree(trace, usePlace().query.get("logs") === "0" ? NO_LOGS : logs.items);
  const whole = useMemo(() => ({ from: tree.from, to: tree.to }), [tree.from, tree.to]);
  const state = useTraceState(whole);

  const palette = usePalette();
  const colours = useMemo(
    () => palette.coloursOf(trace.services.map((one) => one.service)),
    [palette, trace],
  );
  const rows = useMemo(() => visibleRows(tree, state.fold), [tree, state.fold]);
  const finder = useMemo(() => new Finder(tree), [tree]);
  const matches = useMemo(() => finder.find(state.find), [finder, state.find]);
  const selectedRow = useMemo(
    () => (state.selected === null ? -1 : rowOfKey(tree, state.selected)),
    [tree, state.selected],
  );
  const [cursorKey, setCursorKey] = useState<string | null>(state.selected);
  const cursor = useMemo(() => {
    const row = cursorKey === null ? -1 : rowOfKey(tree, cursorKey);
    return row < 0 ? -1 : (rows[Math.max(0, indexOfRow(rows, row))] as number);
  }, [tree, rows, cursorKey]);

  const now = useRef({ tree, rows, cursor, state, matches, whole });
  now.current = { tree, rows, cursor, state, matches, whole };

  const goTo = useCallback((row: number, open: boolean) => {
    const { tree, state, whole } = now.current;
    const key = rowKey(tree, row);
    setCursorKey(key);
    const fold = revealed(tree, row, state.fold);
    if (fold !== state.fold) state.setFold(fold);
    const start = tree.start[row] as number;
    const view = panTo(state.view, start, start + (tree.duration[row] as number), whole);
    if (view !== state.view) state.setView(view, "replace");
    if (open) state.select(key, state.selected === null ? "push" : "replace");
  }, []);
  const actions = useMemo(
    () => ({
      select: (row: number) => goTo(row, true),
      toggle: (row: number) => {
        const { tree, state } = now.current;
        setCursorKey(rowKey(tree, row));
        state.setFold(toggled(tree, row, state.fold));
      },
    }),
    [goTo],
  );
  const jump = useCallback(
    (direction: 1 | -1) => {
      const { matches, cursor, state } = now.current;
      const row = nextMatch(matches, cursor, direction);
      if (row >= 0) goTo(row, state.selected !== null);
    },
    [goTo],
  );
  const onKey = useCallback(
    (event: KeyboardEvent, pageRows: number) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { tree, rows, cursor, state } = now.current;
      const moved = movedCursor(event.key, tree, rows, cursor, state.fold, pageRows);
      if (moved === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (moved.kind === "move") goTo(moved.row, state.selected !== null);
      else if (moved.kind === "toggle") actions.toggle(moved.row);
      else if (moved.kind === "open") goTo(moved.row, true);
    },
    [goTo, actions],
  );
  usePageKeys({
    n: () => jump(1),
    N: () => jump(-1),
    Escape: () => now.current.state.selected !== null && now.current.state.select(null),
    l: () => now.current.state.setLogs(!now.current.state.logs),
    e: () => now.current.state.setFold({ depth: null, flipped: new Set() }),
    c: () => now.current.state.setFold({ depth: 1, flipped: new Set() }),
    0: () => now.current.state.setView(now.current.whole),
  });

  return (
    <div class={`trace-page ${state.selected !== null ? "trace-with-panel" : ""}`}>
      <TraceHeader trace={trace} reload={reload} />
      <div class="trace-main">
        <div class="trace-left">
          <TraceToolbar
            trace={trace}
            state={state}
            tree={tree}
            matches={matches}
            cursor={cursor}
            jump={jump}
            logs={logs}
            loadAll={loadAll}
            loading={loading}
          />
          <Minimap tree={tree} colours={colours} view={state.view} whole={whole} onView={state.setView} />
          <Waterfall
            tree={tree}
            rows={rows}
            fold={state.fold}
            colours={colours}
            view={state.view}
            whole={whole}
            cursor={cursor}
            selected={state.selected}
            matches={matches}
            actions={actions}
            onView={state.setView}
            onKey={onKey}
          />
        </div>
        {state.selected !== null && (
          <RowPanel
            trace={trace}
            tree={tree}
            row={selectedRow}
            rowKey={state.selected}
            goTo={(row) => goTo(row, true)}
            close={() => state.select(null)}
          />
        )}
      </div>
    </div>
  );
}

function useTree(trace: Trace, logs: readonly LogRecord[]): TraceTree {
  // The list of logs is a new array at every render; its length tells whether pages came in.
  return useMemo(
    () => buildTree(BigInt(trace.start_unix_nano), trace.spans, logs),
    [trace, logs.length, logs[0]?.id],
  );
}
