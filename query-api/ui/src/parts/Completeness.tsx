import { useId } from "preact/hooks";
import type { Completeness, Verdict } from "../api/types";
import { usePreferences } from "../app/preferences";
import { groupDigits, plural } from "../text/numbers";
import { visible } from "../text/visible";
import { formatDuration, formatTime, parseNanos } from "../time/nanos";

const WORDS: Record<Verdict, { label: string; meaning: string }> = {
  complete: { label: "Complete", meaning: "Everything accepted up to the watermark is in this answer." },
  late: { label: "Late", meaning: "Accepted data has not been stored yet; the newest part is missing." },
  truncated: {
    label: "Truncated",
    meaning: "There is more than this answer shows: it was cut off, set aside or never arrived.",
  },
  orphans: { label: "Orphans", meaning: "Spans are here whose parents never arrived." },
  sampled: { label: "Sampled", meaning: "Sampling left data out on purpose." },
  unknown: { label: "Unknown", meaning: "It cannot be told whether anything is missing." },
};

/** How far this answer can be trusted: verdict, watermark and reasons. */
export function CompletenessBadge({ value }: { value: Completeness | undefined }) {
  const id = useId();
  const { zone } = usePreferences();
  if (!value) return null;
  const words = WORDS[value.verdict] ?? WORDS.unknown;
  const watermark = value.watermark === null ? null : parseNanos(value.watermark);
  return (
    <div class="completeness">
      <button type="button" class={`badge verdict-${value.verdict}`} aria-describedby={id}>
        <span class="badge-dot" aria-hidden="true" />
        <span class="visually-hidden">Completeness: </span>
        {words.label}
        {value.verdict === "orphans" && value.orphans > 0 && ` ${groupDigits(value.orphans)}`}
        {value.verdict === "late" && ` ${formatDuration(value.lag_seconds * 1e9)}`}
      </button>
      <div class="popover completeness-card" id={id} role="tooltip">
        <p>
          <strong>{words.meaning}</strong>
        </p>
        <dl class="pairs">
          <dt>Data up to</dt>
          <dd>{watermark === null ? "not known" : formatTime(watermark, zone, 3)}</dd>
          <dt>Lag</dt>
          <dd>
            {formatDuration(value.lag_seconds * 1e9)}, {plural(value.in_flight_messages, "message")} in flight
          </dd>
          {value.orphans > 0 && (
            <>
              <dt>Orphans</dt>
              <dd>{plural(value.orphans, "span")} without their parent</dd>
            </>
          )}
          <dt>Quarantined</dt>
          <dd>{groupDigits(value.quarantined)}</dd>
          {value.dead_letters > 0 && (
            <>
              <dt>Dead letters</dt>
              <dd>{plural(value.dead_letters, "message")}</dd>
            </>
          )}
          {value.missing_messages > 0 && (
            <>
              <dt>Missing</dt>
              <dd>{plural(value.missing_messages, "message")}</dd>
            </>
          )}
        </dl>
        {value.reasons.length > 0 && (
          <ul>
            {value.reasons.map((reason) => (
              <li key={reason}>{visible(reason)}</li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
