import { useState } from "preact/hooks";
import { postJson } from "../api/client";
import { Text } from "../parts/Text";
import { groupDigits } from "../text/numbers";
import type { Redrive } from "./types";
import { isOver, useRedrive } from "./useRedrive";

const WORDS = { redrive: ["sent again", "Redrive"], discard: ["discarded", "Discard"] } as const;

/** How far a redrive or a discard is, until its end. */
export function Progress({ started }: { started: Redrive }) {
  const { redrive = started, error } = useRedrive(started);
  const [stopping, setStopping] = useState(false);
  const [done, what] = WORDS[redrive.action];
  const stop = () => {
    setStopping(true);
    postJson(`/redrives/${redrive.id}/cancel`, {}).catch(() => setStopping(false));
  };
  return (
    <div class="redrive-progress" role="status">
      <p>
        <strong>
          {what} {redrive.state}
        </strong>
        : {groupDigits(redrive.done)} of {redrive.total === null ? "…" : groupDigits(redrive.total)} {done}
        {redrive.failed > 0 && <span class="bad">, {groupDigits(redrive.failed)} could not be sent</span>}
      </p>
      <progress max={Math.max(1, redrive.total ?? 1)} value={redrive.done + redrive.failed} />
      {redrive.problems.length > 0 && (
        <ul class="warnings">
          {redrive.problems.map((problem) => (
            <li key={problem}>
              <Text>{problem}</Text>
            </li>
          ))}
        </ul>
      )}
      {error && <p class="warn">{error}</p>}
      {!isOver(redrive) && (
        <button type="button" onClick={stop} disabled={stopping}>
          {stopping ? "Stopping…" : "Stop"}
        </button>
      )}
    </div>
  );
}
