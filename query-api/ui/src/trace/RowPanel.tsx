import type { Trace } from "../api/types";
import { LogDetails } from "../logs/LogDetails";
import { Icon } from "../parts/Icon";
import { Text } from "../parts/Text";
import { plural } from "../text/numbers";
import { formatDuration } from "../time/nanos";
import { SpanPanel } from "./SpanPanel";
import { LOG, MISSING, type TraceTree } from "./tree";

interface RowPanelProps {
  trace: Trace;
  tree: TraceTree;
  /** -1 when the selected key is not a row of this trace (as loaded). */
  row: number;
  rowKey: string;
  goTo: (row: number) => void;
  close: () => void;
}

/** Everything about the selected row. */
export function RowPanel(props: RowPanelProps) {
  const { trace, tree, row, rowKey, goTo, close } = props;
  return (
    <aside class="panel" aria-label="Details of the selected row">
      <button
        type="button"
        class="icon-button panel-close"
        aria-label="Close details (Escape)"
        onClick={close}
      >
        <Icon name="close" />
      </button>
      {row >= 0 && tree.kind[row] === MISSING ? (
        <MissingParent tree={tree} row={row} id={rowKey} />
      ) : row >= 0 && tree.kind[row] === LOG ? (
        <LogRow tree={tree} row={row} goTo={goTo} />
      ) : rowKey.startsWith("log:") ? (
        <p class="state">This log line is not among the loaded ones.</p>
      ) : (
        <SpanPanel
          key={rowKey}
          traceId={trace.trace_id}
          spanId={rowKey}
          known={row >= 0 ? tree.spans[tree.item[row] as number] : undefined}
          offset={row >= 0 ? (tree.start[row] as number) : null}
          tree={tree}
          row={row}
          goTo={goTo}
        />
      )}
    </aside>
  );
}

function MissingParent({ tree, row, id }: { tree: TraceTree; row: number; id: string }) {
  let children = 0;
  for (let next = row + 1; next < (tree.end[row] as number); next = tree.end[next] as number) children += 1;
  return (
    <section>
      <h2>Parent not received</h2>
      <p>
        {plural(children, "span names", "spans name")}{" "}
        <code>
          <Text>{id}</Text>
        </code>{" "}
        as parent, but that span is not here. It lasted at least {formatDuration(tree.duration[row])}.
      </p>
      <p class="hint">
        It may still be on its way, the process may have ended before it sent it, or it was sampled out,
        quarantined or cut off because the trace is very large. The ledger tells which for its service.
      </p>
      <p>
        <a href="/ledger">Open the ledger</a> · <a href="/quarantine">Open the quarantine</a>
      </p>
    </section>
  );
}

function LogRow({ tree, row, goTo }: { tree: TraceTree; row: number; goTo: (row: number) => void }) {
  const log = tree.logs[tree.item[row] as number];
  const parent = tree.parent[row] as number;
  if (!log) return null;
  return (
    <section>
      <h2>Log line</h2>
      <p class="hint">
        {formatDuration(tree.start[row])} after the start of the trace
        {parent >= 0 && (
          <>
            {" · "}
            <button type="button" class="link-button" onClick={() => goTo(parent)}>
              go to its span
            </button>
          </>
        )}
      </p>
      <LogDetails log={log} traceLink={false} />
    </section>
  );
}
