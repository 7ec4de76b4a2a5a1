import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { usePlace } from "../app/place";
import { type Fold, foldFromQuery, foldToQuery } from "./fold";
import { type View, viewFromQuery, viewToQuery } from "./view";

const URL_DELAY_MS = 250;

export interface TraceState {
  selected: string | null;
  select: (key: string | null, how?: "push" | "replace") => void;
  view: View;
  setView: (view: View, how?: "push" | "replace") => void;
  fold: Fold;
  setFold: (fold: Fold) => void;
  find: string;
  setFind: (text: string) => void;
  logs: boolean;
  setLogs: (on: boolean) => void;
}

/**
 * What the reader has done to the waterfall, kept in the URL. The page changes at once and the URL a moment
 * later: browsers refuse hundreds of history entries in a few seconds, which a held arrow key would make.
 */
export function useTraceState(whole: View): TraceState {
  const { query, update } = usePlace();
  const [local, setLocal] = useState<Record<string, string | null>>({});
  const pending = useRef<{ changes: Record<string, string | null>; timer: number }>({
    changes: {},
    timer: 0,
  });

  const write = useCallback(
    (changes: Record<string, string | null>, how: "push" | "replace") => {
      const waiting = pending.current;
      clearTimeout(waiting.timer);
      waiting.changes = { ...waiting.changes, ...changes };
      setLocal((now) => ({ ...now, ...changes }));
      const flush = () => {
        const all = waiting.changes;
        waiting.changes = {};
        update(all, how);
        setLocal({});
      };
      if (how === "push") flush();
      else waiting.timer = window.setTimeout(flush, URL_DELAY_MS);
    },
    [update],
  );
  useEffect(() => () => clearTimeout(pending.current.timer), []);

  const value = (key: string) => (key in local ? (local[key] ?? null) : query.get(key));
  const zoom = value("zoom");
  const depth = value("depth");
  const folded = value("fold");
  const view = useMemo(() => viewFromQuery(zoom, whole), [zoom, whole]);
  const urlFold = useMemo(() => {
    const part = new URLSearchParams();
    if (depth !== null) part.set("depth", depth);
    if (folded !== null) part.set("fold", folded);
    return foldFromQuery(part);
  }, [depth, folded]);
  // The URL holds only the first few dozen folded rows; the page holds them all.
  const [exactFold, setExactFold] = useState<{ fold: Fold; key: string } | null>(null);
  const foldKey = `${depth ?? ""}|${folded ?? ""}`;
  const fold = exactFold?.key === foldKey ? exactFold.fold : urlFold;

  const setFold = useCallback(
    (next: Fold) => {
      const changes = foldToQuery(next);
      setExactFold({ fold: next, key: `${changes.depth ?? ""}|${changes.fold ?? ""}` });
      write(changes, "replace");
    },
    [write],
  );
  const setView = useCallback(
    (next: View, how: "push" | "replace" = "push") => write({ zoom: viewToQuery(next, whole) }, how),
    [write, whole],
  );
  const select = useCallback(
    (key: string | null, how: "push" | "replace" = "push") => write({ span: key }, how),
    [write],
  );
  const setFind = useCallback((text: string) => write({ find: text || null }, "replace"), [write]);
  const setLogs = useCallback((on: boolean) => update({ logs: on ? null : "0" }, "replace"), [update]);
  return {
    selected: value("span"),
    select,
    view,
    setView,
    fold,
    setFold,
    find: value("find") ?? "",
    setFind,
    logs: query.get("logs") !== "0",
    setLogs,
  };
}
