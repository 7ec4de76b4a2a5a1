import { type ComponentChildren, createContext } from "preact";
import { useCallback, useContext, useEffect, useMemo, useState } from "preact/hooks";
import { usePlace } from "../app/place";
import { type Interval, rangeFromQuery, rangeToQuery, resolveRange, type TimeRange } from "./range";

interface RangeState extends Interval {
  range: TimeRange;
  setRange: (range: TimeRange) => void;
  zoom: (interval: Interval) => void;
  /** Ask for everything again; a range that ends now moves on to the present. */
  refresh: () => void;
  /** Query parameters for the API. */
  params: { start: string; end: string };
  auto: boolean;
  setAuto: (auto: boolean) => void;
}

const RangeContext = createContext<RangeState | null>(null);
const AUTO_SECONDS = 10;

export function RangeProvider({ children }: { children: ComponentChildren }) {
  const { query, update } = usePlace();
  const key = `${query.get("range") ?? ""}|${query.get("start") ?? ""}|${query.get("end") ?? ""}`;
  const [now, setNow] = useState(() => Date.now());
  const [auto, setAuto] = useState(false);
  const range = useMemo(() => rangeFromQuery(query), [key]);

  const refresh = useCallback(() => setNow(Date.now()), []);
  useEffect(() => {
    if (!auto || range.kind === "between") return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") setNow(Date.now());
    }, AUTO_SECONDS * 1000);
    return () => clearInterval(timer);
  }, [auto, range]);

  const state = useMemo<RangeState>(() => {
    const interval = resolveRange(range, now);
    return {
      ...interval,
      range,
      // Changing the range also moves "now", or "last 5 minutes" would end when the page was opened.
      setRange: (next) => {
        setNow(Date.now());
        update({ ...rangeToQuery(next), cursor: null });
      },
      zoom: (next) => update(rangeToQuery({ kind: "between", ...next })),
      refresh,
      params: { start: String(interval.start), end: String(interval.end) },
      auto,
      setAuto,
    };
  }, [range, now, auto, update, refresh]);
  return <RangeContext.Provider value={state}>{children}</RangeContext.Provider>;
}

export function useRange(): RangeState {
  const state = useContext(RangeContext);
  if (state === null) throw new Error("cannot read the time range: no RangeProvider above");
  return state;
}
