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
import { AlertList, Components, Partitions } from "./Reports";

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
      <AlertList alerts={data.alerts} />
      <section class="card">
        <h2>Signals</h2>
        <div class="table-box">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Signal</th>
                <th scope="col">Data is in up to</th>
                <th
                  scope="col"
                  class="number"
                  title="How long ago the newest stored record arrived; grows while nothing comes"
                >
                  Newest stored
                </th>
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
                    <td class="number">
                      {one.freshness_seconds === null
                        ? "–"
                        : `${formatDuration(one.freshness_seconds * 1e9)} ago`}
                    </td>
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
      <Partitions partitions={data.partitions} />
      <Components components={data.components} />
      <div class="two-columns">
        <RowCounts rows={data.store.rows} />
        <section class="card">
          <h2>Bus</h2>
          <BusFacts bus={data.bus} />
        </section>
      </div>
    </>
  );
}

/** Lists of flat objects (topics) as tables, whatever the bus says besides as it is. */
function BusFacts({ bus }: { bus: Record<string, Json> }) {
  const lists = Object.entries(bus).flatMap(([name, value]) =>
    isTable(value) ? [{ name, rows: value }] : [],
  );
  const rest = Object.fromEntries(Object.entries(bus).filter(([, value]) => !isTable(value)));
  return (
    <>
      {Object.keys(rest).length > 0 && <AttributeTable attributes={rest} />}
      {lists.map(({ name, rows }) => (
        <ObjectTable key={name} rows={rows} />
      ))}
    </>
  );
}

type Row = Record<string, Json>;

function isTable(value: Json): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every((row) => isRow(row));
}

function isRow(value: Json): value is Row {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  return Object.values(value).every((cell) => cell === null || typeof cell !== "object");
}

function ObjectTable({ rows }: { rows: Row[] }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const align = (column: string) => (rows.every((row) => typeof row[column] !== "string") ? "number" : "");
  return (
    <div class="table-box">
      <table class="table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" class={align(column)}>
                {column.replaceAll("_", " ")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(row)}>
              {columns.map((column) => (
                <td key={column} class={align(column)}>
                  <Text>{cellText(row[column])}</Text>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cellText(value: Json | undefined): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? groupDigits(value) : String(value);
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
