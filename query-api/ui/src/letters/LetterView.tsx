import { useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { Json } from "../api/types";
import { useResource } from "../api/useResource";
import { correlationPath, tracePath, useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { CopyButton } from "../parts/CopyButton";
import { ServiceName } from "../parts/Service";
import { Failure, Loading } from "../parts/states";
import { LongText, Text } from "../parts/Text";
import { formatBytes } from "../text/numbers";
import { formatTime, parseNanos } from "../time/nanos";
import { hexdump } from "./hexdump";
import { StateTag } from "./StateTag";
import type { LetterDetail } from "./types";

interface LetterViewProps {
  id: string;
  /** Changes when the letter may have changed. */
  version: number;
  onEdited: (edited: Json, id: string) => void;
}

/** One letter: what is known about it, and its value decoded as far as it can be. */
export function LetterView({ id, version, onEdited }: LetterViewProps) {
  const [reveal, setReveal] = useState(false);
  const path = apiPath(`/dead-letters/${encodeURIComponent(id)}`, {
    reveal: reveal || null,
    v: version || null,
  });
  const { data, error, reload } = useResource<LetterDetail>(path);
  if (error) return <Failure error={error} what="this letter" retry={reload} />;
  if (!data) return <Loading what="letter" />;
  return (
    <article class="letter card" aria-label="Dead letter">
      <h2>
        <StateTag state={data.letter.state} /> <Text>{data.letter.message || data.letter.reason}</Text>
      </h2>
      <About detail={data} />
      <Value detail={data} reveal={reveal} onReveal={() => setReveal(!reveal)} onEdited={onEdited} />
    </article>
  );
}

function About({ detail }: { detail: LetterDetail }) {
  const { letter } = detail;
  const { zone } = usePreferences();
  const href = useHref();
  const time = (text: string) => {
    const nanos = parseNanos(text);
    return nanos === null ? "–" : formatTime(nanos, zone, 3);
  };
  return (
    <dl class="pairs">
      <dt>Stood in</dt>
      <dd>
        <code>
          <Text>{`${letter.topic} / partition ${letter.partition} / offset ${letter.offset}`}</Text>
        </code>
      </dd>
      <dt>Bytes in</dt>
      <dd>
        <code>
          <Text>{`${letter.dlq_topic} / ${letter.dlq_partition} / ${letter.dlq_offset}`}</Text>
        </code>{" "}
        <span class="muted">{formatBytes(letter.size)}</span>
      </dd>
      <dt>Given up</dt>
      <dd>
        {time(letter.first_seen)}
        {letter.redrives > 0 && `, last ${time(letter.last_seen)} after ${letter.redrives} redrives`}
      </dd>
      <dt>Because</dt>
      <dd>
        <Text>{[letter.reason, letter.exception, letter.stage].filter(Boolean).join(" · ")}</Text>
      </dd>
      {letter.services.length > 0 && (
        <>
          <dt>Services</dt>
          <dd class="row-links">
            {letter.services.slice(0, 8).map((service) => (
              <ServiceName key={service} service={service} link />
            ))}
          </dd>
        </>
      )}
      {letter.trace_ids.length > 0 && (
        <>
          <dt>Traces</dt>
          <dd class="row-links">
            {letter.trace_ids.slice(0, 5).map((trace) => (
              <a key={trace} class="id" href={href(tracePath(trace))}>
                <code>{trace}</code>
              </a>
            ))}
          </dd>
        </>
      )}
      {letter.correlation_ids.length > 0 && (
        <>
          <dt>Correlations</dt>
          <dd class="row-links">
            {letter.correlation_ids.slice(0, 5).map((one) => (
              <a key={one} href={href(correlationPath(one))}>
                <Text>{one}</Text>
              </a>
            ))}
          </dd>
        </>
      )}
      <dt>Id</dt>
      <dd class="id">
        <code>{letter.id}</code>
        <CopyButton text={letter.id} label="id" />
      </dd>
      {detail.events.map((event) => (
        <>
          <dt key={`${event.time}t`}>{event.state}</dt>
          <dd key={event.time}>
            {time(event.time)}{" "}
            <Text class="muted">{[event.actor, event.reason].filter(Boolean).join(": ")}</Text>
          </dd>
        </>
      ))}
    </dl>
  );
}

interface ValueProps {
  detail: LetterDetail;
  reveal: boolean;
  onReveal: () => void;
  onEdited: (edited: Json, id: string) => void;
}

function Value({ detail, reveal, onReveal, onEdited }: ValueProps) {
  const [draft, setDraft] = useState<string>();
  const [wrong, setWrong] = useState("");
  const { value, raw } = detail;
  if (value === null) return <p class="warn">{detail.missing}</p>;
  const text = value.tree === null ? (value.text ?? "") : JSON.stringify(value.tree, null, 2);
  const use = () => {
    try {
      onEdited(JSON.parse(draft ?? "") as Json, detail.letter.id);
      setWrong("");
    } catch (cause) {
      setWrong(String(cause));
    }
  };
  return (
    <section>
      {value.breaks.length > 0 && (
        <ul class="warnings">
          {value.breaks.map((one) => (
            <li key={`${one.offset} ${one.path} ${one.reason}`}>
              Byte {one.offset}: <Text>{[one.path, one.reason].filter(Boolean).join(": ")}</Text>
            </li>
          ))}
        </ul>
      )}
      <div class="toolbar">
        <span class="muted">
          {value.format === "binary" ? "bytes" : value.format}
          {value.cut && ", only the beginning"}
        </span>
        <button type="button" aria-pressed={reveal} onClick={onReveal}>
          Show secrets and bytes
        </button>
        {raw && value.tree !== null && draft === undefined && (
          <button type="button" onClick={() => setDraft(text)}>
            Edit
          </button>
        )}
        <CopyButton text={text} label="value" />
      </div>
      {draft === undefined ? (
        <div class="tree">
          <LongText text={text} first={6000} />
        </div>
      ) : (
        <>
          <textarea
            class="tree"
            aria-label="Edited value"
            rows={18}
            spellcheck={false}
            value={draft}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
          {wrong && <p class="bad">{wrong}</p>}
          <div class="ask-buttons">
            <button type="button" onClick={() => setDraft(undefined)}>
              Give up
            </button>
            <button type="button" class="primary" onClick={use}>
              Send it like this…
            </button>
          </div>
        </>
      )}
      <h3>Headers</h3>
      <dl class="pairs">
        {detail.key !== null && (
          <>
            <dt>key</dt>
            <dd>
              <Text>{detail.key}</Text>
            </dd>
          </>
        )}
        {detail.headers.map((header, at) => (
          <>
            <dt key={`${at}t`}>
              <Text>{header.name}</Text>
            </dt>
            <dd key={at}>
              <Text>{header.binary ? `0x${header.value}` : header.value}</Text>
            </dd>
          </>
        ))}
      </dl>
      {raw && (
        <>
          <h3>
            Bytes <CopyButton text={raw.hex} label="bytes as hex" />
          </h3>
          <pre class="hex">{hexdump(raw.hex, raw.offset)}</pre>
        </>
      )}
    </section>
  );
}
