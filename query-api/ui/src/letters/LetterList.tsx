import { usePlace } from "../app/place";
import { usePreferences } from "../app/preferences";
import { Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { formatTime, parseNanos } from "../time/nanos";
import { StateTag } from "./StateTag";
import type { DeadLetter } from "./types";

interface LetterListProps {
  letters: DeadLetter[];
  open: string | null;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

/** The letters of one error, each with a box to choose it by. */
export function LetterList({ letters, open, chosen, onChoose }: LetterListProps) {
  const rows = useListKeys<HTMLUListElement>();
  const { update } = usePlace();
  const { zone } = usePreferences();
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChoose(next);
  };
  const all = letters.length > 0 && letters.every((letter) => chosen.has(letter.id));
  return (
    <div class="card letter-list">
      <label class="letter-all">
        <input
          type="checkbox"
          checked={all}
          onChange={() => onChoose(new Set(all ? [] : letters.map((letter) => letter.id)))}
        />
        {chosen.size > 0 ? `${chosen.size} chosen` : "Choose all that are listed"}
      </label>
      <ul ref={rows}>
        {letters.map((letter) => {
          const nanos = parseNanos(letter.last_seen);
          return (
            <li key={letter.id} class="letter-row" aria-current={open === letter.id}>
              <input
                type="checkbox"
                aria-label={`Choose ${letter.id}`}
                checked={chosen.has(letter.id)}
                onChange={() => toggle(letter.id)}
              />
              <button
                type="button"
                class="letter-open"
                data-row
                onClick={() => update({ letter: letter.id }, "replace")}
              >
                <span class="letter-line">
                  <StateTag state={letter.state} />
                  <time>{nanos === null ? "–" : formatTime(nanos, zone, 3)}</time>
                  <code class="muted">{`${letter.partition}/${letter.offset}`}</code>
                </span>
                <span class="letter-preview">
                  <Text>{letter.preview || "(nothing readable)"}</Text>
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
