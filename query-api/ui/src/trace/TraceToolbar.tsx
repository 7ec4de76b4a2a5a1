import { useRef } from "preact/hooks";
import type { LogRecord, Trace } from "../api/types";
import type { Pages } from "../api/useResource";
import { usePageKeys } from "../app/keys";
import { Icon } from "../parts/Icon";
import { groupDigits } from "../text/numbers";
import { UNFOLDED } from "./fold";
import type { TraceTree } from "./tree";
import type { TraceState } from "./useTraceState";

interface ToolbarProps {
  trace: Trace;
  state: TraceState;
  tree: TraceTree;
  matches: Int32Array;
  cursor: number;
  jump: (direction: 1 | -1) => void;
  logs: Pages<LogRecord>;
  /** Null when all details are here, or on their way. */
  loadAll: (() => void) | null;
  loading: boolean;
}

export function TraceToolbar(props: ToolbarProps) {
  const { trace, state, tree, logs } = props;
  const hidden = trace.log_count - logs.items.length;
  return (
    <div class="toolbar trace-toolbar">
      <FindBox {...props} />
      <div class="button-group">
        <button type="button" title="Expand all (e)" onClick={() => state.setFold(UNFOLDED)}>
          Expand all
        </button>
        <button
          type="button"
          title="Collapse all (c)"
          onClick={() => state.setFold({ depth: 0, flipped: new Set() })}
        >
          Collapse
        </button>
      </div>
      <label class="depth-choice">
        Depth
        <select
          value={state.fold.depth === null ? "" : String(state.fold.depth)}
          onChange={(event) => {
            const value = event.currentTarget.value;
            state.setFold({ depth: value === "" ? null : Number(value), flipped: new Set() });
          }}
        >
          <option value="">all ({groupDigits(tree.maxDepth + 1)})</option>
          {depthChoices(tree.maxDepth, state.fold.depth).map((depth) => (
            <option key={depth} value={depth}>
              {depth + 1}
            </option>
          ))}
        </select>
      </label>
      {trace.log_count > 0 && (
        <label class="check">
          <input
            type="checkbox"
            checked={state.logs}
            onChange={(event) => state.setLogs(event.currentTarget.checked)}
          />
          Log lines
        </label>
      )}
      {trace.log_count > 0 && state.logs && logs.first && hidden > 0 && (
        <span class="hint">
          {groupDigits(logs.items.length)} of {groupDigits(trace.log_count)}
          {logs.hasMore && (
            <button type="button" class="link-button" onClick={logs.loadMore} disabled={logs.loading}>
              {logs.loading ? "loading…" : "load more"}
            </button>
          )}
        </span>
      )}
      {logs.error && <span class="hint bad">log lines not loaded: {logs.error.message}</span>}
    </div>
  );
}

function depthChoices(maxDepth: number, chosen: number | null): number[] {
  const choices = [0, 1, 2, 3, 4, 6, 9, 14, 19, 49, 99].filter((depth) => depth < maxDepth);
  if (chosen !== null && !choices.includes(chosen)) choices.push(chosen);
  return choices.sort((a, b) => a - b);
}

function FindBox({ trace, state, matches, cursor, jump, loadAll, loading }: ToolbarProps) {
  const input = useRef<HTMLInputElement>(null);
  usePageKeys({ "/": () => input.current?.select() });
  const place = matches.indexOf(cursor);
  const skeleton = trace.details === "skeleton";
  return (
    <div class="find" role="search">
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        value={state.find}
        aria-label="Find in this trace"
        placeholder={skeleton ? "Find name, service, id" : "Find name, service, attribute"}
        onInput={(event) => state.setFind(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") jump(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      {state.find !== "" && (
        <span class="find-count" role="status">
          {matches.length === 0
            ? "none"
            : `${place < 0 ? "–" : groupDigits(place + 1)} / ${groupDigits(matches.length)}`}
        </span>
      )}
      <button
        type="button"
        class="icon-button"
        aria-label="Previous match (N)"
        disabled={matches.length === 0}
        onClick={() => jump(-1)}
      >
        <Icon name="up" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label="Next match (n)"
        disabled={matches.length === 0}
        onClick={() => jump(1)}
      >
        <Icon name="down" />
      </button>
      {skeleton && state.find !== "" && (
        <button
          type="button"
          class="link-button"
          disabled={loadAll === null || loading}
          title="A trace this large is loaded without attributes; load them to search in them too"
          onClick={() => loadAll?.()}
        >
          {loadAll === null && loading ? "loading attributes…" : "search attributes too"}
        </button>
      )}
    </div>
  );
}
