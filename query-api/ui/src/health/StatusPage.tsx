import type { Json, Status } from "../api/types";
import { useResource } from "../api/useResource";
import { usePreferences } from "../app/preferences";
import { AttributeTable } from "../parts/AttributeTable";
import { Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { useTitle } from "../parts/useTitle";
import { formatBytes, groupDigits } from "../text/numbers";
import { formatAgo, formatDuration, formatTime, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";

const LAG_WORTH_A_LOOK_SECONDS = 10;

/** How the stack itself is doing. */
export function StatusPage() {
  useTitle("Status");
  const { end } = useRange();
  // The time is of no use to the API; it makes the page follow the refresh button.
  const status = useResource<Status>(`/status?at=${end / 1_000_000n}`);
  const { zone } = usePreferences();
  if (status.error) return <Failure error={status.error} what="the status" retry={status.reload} />;
  const data = status.data;
  if (!data) return <Loading what="status" />;
  const started = parseNanos(data.started);
  return (
    <>
      <div class="title-line">
        <h1>Status</h1>
        <span class={`tag ${data.ready ? "status-ok" : "status-error"}`}>
          {data.ready ? "ready" : "not ready"}
        </span>
      </div>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd class="fact-strong">
            <Text>{data.version}</Text>
          </dd>
        </div>
        <div>
          <dt>Mode</dt>
          <dd>{data.mode}</dd>
        </div>
        <div>
          <dt>Started</dt>
          <dd>
            {started === null ? "–" : `${formatTime(started, zone, 0)}, ${formatAgo(started, Date.now())}`}
          </dd>
        </div>
        <div>
          <dt>On disk</dt>
          <dd class="fact-strong">{formatBytes(data.store.bytes_on_disk)}</dd>
        </div>
        <div>
          <dt>Store engine</dt>
          <dd>
            <Text>{data.store.engine_version}</Text>
          </dd>
        </div>
      </dl>
      <section class="card">
        <h2>Signals</h2>
        <div class="table-box">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Signal</th>
                <th scope="col">Data is in up to</th>
                <th scope="col" class="number">
                  Lag
                </th>
                <th scope="col" class="number">
                  Messages waiting
                </th>
              </tr>
            </thead>
            <tbody>
              {data.signals.map((one) => {
                const watermark = one.watermark === null ? null : parseNanos(one.watermark);
                return (
                  <tr key={one.signal}>
                    <th scope="row">{one.signal}</th>
                    <td>{watermark === null ? "nothing yet" : formatTime(watermark, zone, 3)}</td>
                    <td class={`number ${one.lag_seconds > LAG_WORTH_A_LOOK_SECONDS ? "bad" : ""}`}>
                      {formatDuration(one.lag_seconds * 1e9)}
                    </td>
                    <td class="number">{groupDigits(one.lag_messages)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </section>
      <div class="two-columns">
        <RowCounts rows={data.store.rows} />
        <section class="card">
          <h2>Bus</h2>
          <AttributeTable attributes={data.bus as Record<string, Json>} />
        </section>
      </div>
    </>
  );
}

function RowCounts({ rows }: { rows: Record<string, number> }) {
  return (
    <section class="card">
      <h2>Rows stored</h2>
      <div class="table-box">
        <table class="table">
          <tbody>
            {Object.keys(rows)
              .sort()
              .map((table) => (
                <tr key={table}>
                  <th scope="row">
                    <code>{table}</code>
                  </th>
                  <td class="number">{groupDigits(rows[table] ?? 0)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
