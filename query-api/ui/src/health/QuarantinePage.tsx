import { apiPath } from "../api/client";
import type { QuarantinedRecord } from "../api/types";
import { usePages } from "../api/useResource";
import { usePreferences } from "../app/preferences";
import { CompletenessBadge } from "../parts/Completeness";
import { CopyButton } from "../parts/CopyButton";
import { ServiceName } from "../parts/Service";
import { Empty, Failure, Loading } from "../parts/states";
import { LongText, Text } from "../parts/Text";
import { useTitle } from "../parts/useTitle";
import { formatTime, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";

/** Records that were accepted but are too broken to be queried, with what is wrong with them. */
export function QuarantinePage() {
  useTitle("Quarantine");
  const { params } = useRange();
  const records = usePages<QuarantinedRecord>(apiPath("/quarantine", { ...params, limit: 100 }));
  return (
    <>
      <div class="title-line">
        <h1>Quarantine</h1>
        <span class="muted">records that were accepted but cannot be stored with the others</span>
        <CompletenessBadge value={records.first?.completeness} />
      </div>
      {records.error && <Failure error={records.error} what="the quarantine" retry={records.reload} />}
      {!records.first && !records.error && <Loading what="quarantine" />}
      {records.first && records.items.length === 0 && (
        <Empty title="Nothing in quarantine">
          <p>Every record received in this time range was stored.</p>
        </Empty>
      )}
      {records.items.length > 0 && (
        <ul class="quarantine card">
          {records.items.map((record) => (
            <li key={`${record.topic} ${record.partition} ${record.offset} ${record.reason} ${record.name}`}>
              <Quarantined record={record} />
            </li>
          ))}
        </ul>
      )}
      {records.hasMore && (
        <button type="button" class="load-more" onClick={records.loadMore} disabled={records.loading}>
          Load more
        </button>
      )}
    </>
  );
}

function Quarantined({ record }: { record: QuarantinedRecord }) {
  const { zone } = usePreferences();
  const received = parseNanos(record.received);
  const time = parseNanos(record.time);
  return (
    <details>
      <summary>
        <time>{received === null ? "–" : formatTime(received, zone, 3)}</time>
        <span class="tag">{record.signal}</span>
        <ServiceName service={record.service} />
        <strong class="warn">
          <Text>{record.reason}</Text>
        </strong>
        <Text class="muted">{record.name}</Text>
      </summary>
      <dl class="pairs">
        <dt>Time it claims</dt>
        <dd>{time === null ? "–" : formatTime(time, zone, 9)}</dd>
        <dt>From</dt>
        <dd>
          <code>
            <Text>{`${record.topic} / partition ${record.partition} / offset ${record.offset}`}</Text>
          </code>
        </dd>
      </dl>
      <div class="log-body">
        <LongText text={record.record} first={4000} />
        <CopyButton text={record.record} label="record" />
      </div>
    </details>
  );
}
