import { useRef, useState } from "preact/hooks";
import { ApiError, postJson } from "../api/client";
import type { Json } from "../api/types";
import { Text } from "../parts/Text";
import { formatBytes, groupDigits } from "../text/numbers";
import { formatDuration } from "../time/nanos";
import { Dialog } from "./Dialog";
import { FixForm } from "./FixForm";
import { Progress } from "./Progress";
import { type Draft, stepOf } from "./steps";
import type { DryRun, Fix, Redrive, Selection } from "./types";

interface RedriveDialogProps {
  what: string;
  selection: Selection;
  telemetry: boolean;
  /** A new value for a single letter, made by hand. */
  edited?: Json | undefined;
  onClose: () => void;
}

/** Asks how to send letters again, tries it without sending, and sends only what was tried. */
export function RedriveDialog({ what, selection, telemetry, edited, onClose }: RedriveDialogProps) {
  const [drafts, setDrafts] = useState<Draft[]>([]);
  const [rate, setRate] = useState(100);
  const [tried, setTried] = useState<DryRun>();
  const [started, setStarted] = useState<Redrive>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const key = useRef(crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);

  const fix: Fix = { steps: drafts.map(stepOf), ...(edited === undefined ? {} : { edited }) };
  const send = <T,>(dry: boolean, then: (answer: T) => void) => {
    setBusy(true);
    setError("");
    const body = { selection, fix, rate, dry_run: dry };
    postJson<T>("/redrives", body, dry ? undefined : key.current).then(
      (answer) => {
        setBusy(false);
        then(answer);
      },
      (cause: unknown) => {
        setBusy(false);
        setError(cause instanceof ApiError ? cause.message : String(cause));
      },
    );
  };
  const changed = () => setTried(undefined);
  return (
    <Dialog title={`Send ${what} again`} onClose={onClose}>
      {started ? (
        <Progress started={started} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (tried) send<Redrive>(false, setStarted);
            else send<DryRun>(true, setTried);
          }}
        >
          {edited === undefined ? (
            <FixForm
              drafts={drafts}
              telemetry={telemetry}
              onChange={(next) => {
                setDrafts(next);
                changed();
              }}
            />
          ) : (
            <p class="muted">As you edited it.</p>
          )}
          <label class="ask-field">
            At most
            <input
              type="number"
              class="short"
              min="0.1"
              max="10000"
              step="any"
              value={rate}
              onInput={(event) => {
                setRate(Number(event.currentTarget.value));
                changed();
              }}
            />
            messages a second
          </label>
          {tried && <Tried run={tried} />}
          {error && (
            <p class="bad" role="alert">
              {error}
            </p>
          )}
          <div class="ask-buttons">
            <button type="submit" class={tried ? "" : "primary"} disabled={busy || tried !== undefined}>
              Try it without sending
            </button>
            <button type="submit" class={tried ? "primary" : ""} disabled={busy || !tried?.letters}>
              {tried ? `Send ${groupDigits(tried.letters)} again` : "Send again"}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function Tried({ run }: { run: DryRun }) {
  const where = Object.entries(run.topics).map(([topic, letters]) => `${groupDigits(letters)} to ${topic}`);
  return (
    <section class="tried" role="status">
      <h3>
        {run.letters === 0
          ? "Nothing to send: what was sent or parked before is sent again only by itself"
          : `Would send ${where.join(", ")}: ${formatBytes(run.bytes)}, ${formatDuration(run.seconds * 1e9)} at least`}
      </h3>
      <ul>
        {run.trials.map((trial) => (
          <li key={trial.id}>
            <code>{trial.id.slice(0, 8)}</code>{" "}
            {trial.problem ? (
              <span class="bad">
                <Text>{trial.problem}</Text>
              </span>
            ) : (
              <details>
                <summary>
                  {formatBytes(trial.size_before)}, as sent {formatBytes(trial.size_after)}
                  {trial.records !== null &&
                    `, ${groupDigits(trial.records)} ${trial.records === 1 ? "record" : "records"}`}
                </summary>
                <pre class="tree">
                  <bdi>{JSON.stringify(trial.after, null, 2)?.slice(0, 20_000)}</bdi>
                </pre>
              </details>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
