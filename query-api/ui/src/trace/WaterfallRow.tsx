import { memo } from "../parts/memo";
import { groupDigits } from "../text/numbers";
import { clip, visibleLine } from "../text/visible";
import { formatDuration } from "../time/nanos";
import { hasChildren, LOG, MISSING, SPAN, type TraceTree } from "./tree";
import { barOf, type View } from "./view";

export interface RowActions {
  select: (row: number) => void;
  toggle: (row: number) => void;
}

interface RowProps {
  tree: TraceTree;
  row: number;
  index: number;
  top: number;
  height: number;
  narrow: boolean;
  nameWidth: number;
  view: View;
  colour: number;
  folded: boolean;
  cursor: boolean;
  selected: boolean;
  matched: boolean;
  actions: RowActions;
}

const INDENT = 12;
const DEEPEST_INDENT = 20;
const LONGEST_NAME = 300;

export const WaterfallRow = memo(function WaterfallRow(props: RowProps) {
  const { tree, row, cursor, selected, matched, folded, actions } = props;
  const kind = tree.kind[row];
  const span = kind === SPAN ? tree.spans[tree.item[row] as number] : undefined;
  const log = kind === LOG ? tree.logs[tree.item[row] as number] : undefined;
  const classes = [
    "row",
    `service-${props.colour}`,
    kind === MISSING ? "row-missing" : kind === LOG ? `row-log severity-${log?.severity}` : "",
    span?.status === "error" ? "row-error" : "",
    selected ? "row-selected" : "",
    cursor ? "row-cursor" : "",
    matched ? "row-matched" : "",
  ];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the treegrid around it handles the keyboard
    <div
      id={`row-${row}`}
      class={classes.filter(Boolean).join(" ")}
      role="row"
      aria-level={(tree.depth[row] as number) + 1}
      aria-rowindex={props.index + 1}
      aria-expanded={hasChildren(tree, row) ? !folded : undefined}
      aria-selected={selected}
      style={{ transform: `translateY(${props.top}px)`, height: `${props.height}px` }}
      onClick={() => actions.select(row)}
    >
      <NameCell {...props} />
      <TimeCell {...props} />
    </div>
  );
});

function NameCell({ tree, row, narrow, nameWidth, folded, actions }: RowProps) {
  const depth = tree.depth[row] as number;
  const capped = Math.min(depth, narrow ? 6 : DEEPEST_INDENT);
  const inside = (tree.end[row] as number) - row - 1;
  return (
    <div class="row-name" role="gridcell" style={narrow ? {} : { width: `${nameWidth}px` }}>
      <span class="row-indent" style={{ width: `${capped * (narrow ? 8 : INDENT)}px` }} />
      {depth > capped && (
        <span class="row-depth" title={`Depth ${groupDigits(depth)}`}>
          {depth}
        </span>
      )}
      {inside > 0 ? (
        <button
          type="button"
          class="row-toggle"
          tabIndex={-1}
          aria-label={folded ? "Expand" : "Collapse"}
          onClick={(event) => {
            event.stopPropagation();
            actions.toggle(row);
          }}
        >
          {folded ? "+" : "−"}
        </button>
      ) : (
        <span class="row-leaf" />
      )}
      <NameText tree={tree} row={row} />
      {folded && <span class="row-inside">{groupDigits(inside)}</span>}
    </div>
  );
}

function NameText({ tree, row }: { tree: TraceTree; row: number }) {
  const item = tree.item[row] as number;
  if (tree.kind[row] === MISSING) {
    const id = tree.missing[item] ?? "";
    return (
      <span class="row-text" title="Spans point to this parent, but it is not here">
        parent <code>{visibleLine(clip(id, 32))}</code> not received
      </span>
    );
  }
  const log = tree.kind[row] === LOG ? tree.logs[item] : undefined;
  if (log) {
    const text = visibleLine(clip(log.body || log.event_name || "(no body)", LONGEST_NAME));
    return (
      <>
        <span class="severity-tag">{log.severity === "unspecified" ? "log" : log.severity}</span>
        <bdi class="row-text row-body" title={text}>
          {text}
        </bdi>
      </>
    );
  }
  const span = tree.spans[item];
  const name = visibleLine(clip(span?.name || "(no name)", LONGEST_NAME));
  const service = visibleLine(clip(span?.service || "(no service)", LONGEST_NAME));
  return (
    <>
      <span class="service-dot" aria-hidden="true" />
      <span class="row-text" title={`${service}: ${name}`}>
        <bdi class="row-service">{service}</bdi> <bdi class="row-operation">{name}</bdi>
      </span>
      {span?.status === "error" && <span class="row-flag row-flag-error">error</span>}
      {span?.has_exception && span.status !== "error" && <span class="row-flag">exc</span>}
    </>
  );
}

function TimeCell({ tree, row, view }: RowProps) {
  const start = tree.start[row] as number;
  const duration = tree.duration[row] as number;
  const bar = barOf(start, duration, view);
  if (bar.outside !== "") {
    return (
      <div class="row-time" role="gridcell">
        <span class={`bar-outside bar-${bar.outside}`}>{bar.outside === "before" ? "‹" : "›"}</span>
      </div>
    );
  }
  const left = `${bar.left * 100}%`;
  if (tree.kind[row] === LOG) {
    return (
      <div class="row-time" role="gridcell">
        <span class="log-mark" style={{ left }} title={`at ${formatDuration(start)}`} />
      </div>
    );
  }
  const end = bar.left + bar.width;
  // The duration stands right of the bar; where there is no room, left of it; else on it.
  const side = end < 0.88 ? "after" : bar.left > 0.12 ? "before" : "inside";
  const place =
    side === "after"
      ? { left: `${end * 100}%` }
      : side === "before"
        ? { right: `${(1 - bar.left) * 100}%` }
        : { left };
  return (
    <div class="row-time" role="gridcell">
      <span class="bar" style={{ left, width: `${bar.width * 100}%` }} />
      <span class={`bar-label bar-label-${side}`} style={place}>
        {tree.kind[row] === MISSING ? "≥ " : ""}
        {formatDuration(duration)}
      </span>
    </div>
  );
}
