import { useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { Json } from "../api/types";
import { usePages } from "../api/useResource";
import { useHref, usePlace } from "../app/place";
import { Empty, Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { groupDigits } from "../text/numbers";
import { DiscardDialog } from "./DiscardDialog";
import { LetterList } from "./LetterList";
import { LetterView } from "./LetterView";
import { RedriveDialog } from "./RedriveDialog";
import type { DeadLetter, Selection } from "./types";

const STATES = ["dead", "parked", "redriven", "discarded"] as const;
type Asking = { kind: "redrive" | "discard"; what: string; selection: Selection; edited?: Json };

/** The letters of one error, and what can be done with them. */
export function GroupPage({ fingerprint }: { fingerprint: string }) {
  const { query } = usePlace();
  const [version, setVersion] = useState(0);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<Asking>();
  const states = STATES.map((state) => `state=${state}`).join("&");
  const path = apiPath("/dead-letters", { fingerprint, limit: 100, v: version || null });
  const letters = usePages<DeadLetter>(`${path}&${states}`);
  const first = letters.items[0];
  const open = query.get("letter") ?? first?.id ?? null;
  const close = () => {
    setAsking(undefined);
    setChosen(new Set());
    setVersion(version + 1);
  };
  const ask = (kind: Asking["kind"]) => setAsking({ kind, ...targetOf(fingerprint, chosen) });
  return (
    <>
      <Heading letter={first} />
      {letters.error && <Failure error={letters.error} what="the letters" retry={letters.reload} />}
      {!letters.first && !letters.error && <Loading what="letters" />}
      {letters.first && letters.items.length === 0 && <Empty title="There are no letters of this error" />}
      {first && (
        <div class="toolbar letter-actions">
          <button type="button" class="primary" onClick={() => ask("redrive")}>
            Send {chosen.size ? groupDigits(chosen.size) : "all dead"} again…
          </button>
          <button type="button" onClick={() => ask("discard")}>
            Discard {chosen.size ? groupDigits(chosen.size) : "all dead"}…
          </button>
        </div>
      )}
      <div class="letter-columns">
        {first && (
          <div>
            <LetterList letters={letters.items} open={open} chosen={chosen} onChoose={setChosen} />
            {letters.hasMore && (
              <button type="button" class="load-more" onClick={letters.loadMore} disabled={letters.loading}>
                Load more
              </button>
            )}
          </div>
        )}
        {open && (
          <LetterView
            key={open}
            id={open}
            version={version}
            onEdited={(edited, id) =>
              setAsking({ kind: "redrive", what: "the edited letter", selection: { ids: [id] }, edited })
            }
          />
        )}
      </div>
      {asking?.kind === "redrive" && (
        <RedriveDialog {...asking} telemetry={first?.kind === "telemetry"} onClose={close} />
      )}
      {asking?.kind === "discard" && <DiscardDialog {...asking} onClose={close} />}
    </>
  );
}

function Heading({ letter }: { letter: DeadLetter | undefined }) {
  const href = useHref();
  return (
    <div class="title-line">
      <a href={href("/dead-letters")}>Dead letters</a>
      {letter && (
        <h1>
          <Text>{`${letter.reason}: ${letter.pattern || letter.exception}`}</Text>
        </h1>
      )}
      {letter && (
        <span class="muted">
          from <Text>{letter.topic}</Text>
        </span>
      )}
    </div>
  );
}

function targetOf(fingerprint: string, chosen: ReadonlySet<string>): { what: string; selection: Selection } {
  if (chosen.size === 0) return { what: "all dead letters of this error", selection: { fingerprint } };
  const what = chosen.size === 1 ? "one letter" : `${chosen.size} letters`;
  return { what, selection: { ids: [...chosen] } };
}
