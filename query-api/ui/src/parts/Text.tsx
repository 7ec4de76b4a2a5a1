import { useState } from "preact/hooks";
import { formatCount } from "../text/numbers";
import { clip, visible, visibleLine } from "../text/visible";

/** Text from telemetry on one line: hidden characters shown, writing direction kept inside. */
export function Text({ children, class: className }: { children: string; class?: string }) {
  return <bdi class={className}>{visibleLine(clip(children, 2000))}</bdi>;
}

const FIRST = 600;
const STEP = 100_000;

/** Text of any length with its lines kept; a long one starts clipped and opens in steps. */
export function LongText({ text, first = FIRST }: { text: string; first?: number }) {
  const [limit, setLimit] = useState(first);
  const rest = text.length - limit;
  return (
    <>
      <bdi class="long-text">{visible(clip(text, limit))}</bdi>
      {rest > 0 && (
        <button type="button" class="link-button" onClick={() => setLimit(limit + STEP)}>
          … show {formatCount(Math.min(rest, STEP))} more characters
          {rest > STEP && ` of ${formatCount(rest)}`}
        </button>
      )}
      {limit > first && (
        <button type="button" class="link-button" onClick={() => setLimit(first)}>
          show less
        </button>
      )}
    </>
  );
}
