import { useEffect, useRef, useState } from "preact/hooks";
import { usePreferences } from "../app/preferences";
import { Icon } from "../parts/Icon";
import { civilTime, formatTime, type Zone } from "./nanos";
import { useRange } from "./RangeContext";
import {
  fromInputValue,
  type Interval,
  PRESETS,
  parseSpanText,
  shiftInterval,
  type TimeRange,
  toInputValue,
  widenInterval,
} from "./range";

export function RangePicker() {
  const { range, setRange, zoom, start, end, refresh, auto, setAuto } = useRange();
  const { zone } = usePreferences();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (
        event instanceof KeyboardEvent
          ? event.key === "Escape"
          : !root.current?.contains(event.target as Node)
      )
        setOpen(false);
    };
    document.addEventListener("mousedown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("mousedown", close);
      document.removeEventListener("keydown", close);
    };
  }, [open]);

  const choose = (next: TimeRange) => {
    setOpen(false);
    setRange(next);
  };
  return (
    <div class="range" ref={root}>
      <div class="button-group">
        <button
          type="button"
          class="icon-button"
          aria-label="Earlier"
          onClick={() => zoom(shiftInterval({ start, end }, -1))}
        >
          <Icon name="left" />
        </button>
        <button
          type="button"
          class="range-button"
          aria-haspopup="dialog"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <Icon name="clock" />
          <span class="visually-hidden">Time range: </span>
          {rangeLabel(range, zone)}
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Later"
          onClick={() => zoom(shiftInterval({ start, end }, 1))}
        >
          <Icon name="right" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label="Twice as wide"
          onClick={() => zoom(widenInterval({ start, end }))}
        >
          <Icon name="zoom-out" />
        </button>
      </div>
      <div class="button-group">
        <button type="button" class="icon-button" aria-label="Refresh" title="Refresh (r)" onClick={refresh}>
          <Icon name="refresh" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-pressed={auto}
          aria-label="Refresh every 10 seconds"
          title="Refresh every 10 seconds"
          disabled={range.kind === "between"}
          onClick={() => setAuto(!auto)}
        >
          <Icon name={auto ? "pause" : "play"} />
        </button>
      </div>
      {open && <RangeMenu key={String(start)} interval={{ start, end }} range={range} choose={choose} />}
    </div>
  );
}

interface MenuProps {
  interval: Interval;
  range: TimeRange;
  choose: (range: TimeRange) => void;
}

function RangeMenu({ interval, range, choose }: MenuProps) {
  const { zone } = usePreferences();
  const utc = zone === "utc";
  const [from, setFrom] = useState(() => toInputValue(interval.start, utc));
  const [to, setTo] = useState(() => toInputValue(interval.end, utc));
  const [custom, setCustom] = useState("");
  const start = fromInputValue(from, utc);
  const end = fromInputValue(to, utc);
  const seconds = parseSpanText(custom);
  const valid = start !== null && end !== null && start < end;
  return (
    <div class="popover range-menu" role="dialog" aria-label="Time range">
      <ul class="range-presets">
        {PRESETS.map((preset) => (
          <li key={preset.text}>
            <button
              type="button"
              aria-current={range.kind === "last" && range.text === preset.text}
              onClick={() =>
                choose({ kind: "last", text: preset.text, seconds: parseSpanText(preset.text) ?? 3600 })
              }
            >
              {preset.label}
            </button>
          </li>
        ))}
      </ul>
      <div class="range-custom">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (seconds !== null) choose({ kind: "last", text: custom.trim(), seconds });
          }}
        >
          <label>
            Last
            <input
              value={custom}
              placeholder="45m, 6h, 2d"
              onInput={(event) => setCustom(event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={seconds === null}>
            Apply
          </button>
        </form>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (valid) choose({ kind: "between", start, end });
          }}
        >
          <label>
            From
            <input
              type="datetime-local"
              step="1"
              value={from}
              onInput={(event) => setFrom(event.currentTarget.value)}
            />
          </label>
          <label>
            To
            <input
              type="datetime-local"
              step="1"
              value={to}
              onInput={(event) => setTo(event.currentTarget.value)}
            />
          </label>
          <p class="hint">
            {valid ? `Times are ${civilTime(start, zone).zone}.` : "“From” must lie before “To”."}
          </p>
          <button type="submit" disabled={!valid}>
            Apply
          </button>
        </form>
      </div>
    </div>
  );
}

function rangeLabel(range: TimeRange, zone: Zone): string {
  if (range.kind === "last") {
    return PRESETS.find((preset) => preset.text === range.text)?.label ?? `Last ${range.text}`;
  }
  const sameDay = civilTime(range.start, zone).date === civilTime(range.end, zone).date;
  const end = formatTime(range.end, zone, 0);
  return `${formatTime(range.start, zone, 0)} – ${sameDay ? end.slice(11) : end}`;
}
