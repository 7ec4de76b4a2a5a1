import type { LetterState } from "./types";

const CLASSES: Record<LetterState, string> = {
  dead: "tag status-error",
  parked: "tag tag-warn",
  redriven: "tag status-ok",
  discarded: "tag",
};

const HINTS: Record<LetterState, string> = {
  dead: "Nothing was done with it yet",
  parked: "It was sent again and failed again; it is sent again only by itself",
  redriven: "It was sent again",
  discarded: "It was given up, with a reason",
};

export function StateTag({ state }: { state: LetterState }) {
  return (
    <span class={CLASSES[state] ?? "tag"} title={HINTS[state]}>
      {state}
    </span>
  );
}
