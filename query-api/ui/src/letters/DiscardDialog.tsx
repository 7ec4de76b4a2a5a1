import { useRef, useState } from "preact/hooks";
import { ApiError, postJson } from "../api/client";
import { Dialog } from "./Dialog";
import { Progress } from "./Progress";
import type { Redrive, Selection } from "./types";

interface DiscardDialogProps {
  what: string;
  selection: Selection;
  onClose: () => void;
}

export function DiscardDialog({ what, selection, onClose }: DiscardDialogProps) {
  const [reason, setReason] = useState("");
  const [started, setStarted] = useState<Redrive>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const key = useRef(crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
  const discard = () => {
    setBusy(true);
    postJson<Redrive>("/dead-letters/discard", { selection, reason }, key.current).then(
      setStarted,
      (cause: unknown) => {
        setBusy(false);
        setError(cause instanceof ApiError ? cause.message : String(cause));
      },
    );
  };
  return (
    <Dialog title={`Discard ${what}`} onClose={onClose}>
      {started ? (
        <Progress started={started} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            discard();
          }}
        >
          <p class="muted">Their bytes stay in the dead-letter topic until they expire.</p>
          <label class="ask-field">
            Why
            <input
              value={reason}
              required
              maxLength={500}
              placeholder="test data of the 3rd"
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          {error && (
            <p class="bad" role="alert">
              {error}
            </p>
          )}
          <div class="ask-buttons">
            <button type="submit" class="primary" disabled={busy || reason.trim() === ""}>
              Discard
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
