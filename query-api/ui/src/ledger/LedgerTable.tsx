import type { LedgerRow } from "../api/types";
import { ServiceName } from "../parts/Service";
import { Text } from "../parts/Text";
import { groupDigits } from "../text/numbers";
import { Bar } from "./Bar";
import { type Column, CREATED_MEANING, PARTS } from "./columns";

/** One row a service and signal; everything created is in one of the columns. */
export function LedgerTable({ rows }: { rows: readonly LedgerRow[] }) {
  return (
    <div class="card table-box">
      <table class="table ledger-table">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Signal</th>
            <th scope="col">
              <span class="visually-hidden">What became of it</span>
            </th>
            <th scope="col" class="number" title={CREATED_MEANING}>
              Created
            </th>
            {PARTS.map((part) => (
              <th key={part.key} scope="col" class="number" title={part.meaning}>
                {part.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.service} ${row.signal}`}>
              <th scope="row">
                {row.service ? (
                  <ServiceName service={row.service} link />
                ) : (
                  <span class="muted" title="Whole messages, whose services nobody knows">
                    (whole messages)
                  </span>
                )}
              </th>
              <td>{row.signal}</td>
              <td class="ledger-cell">
                <Bar row={row} />
              </td>
              <td
                class="number"
                title={
                  row.counted_by === "sdk"
                    ? "Counted by the SDK of the service"
                    : "Counted by the collector that took it"
                }
              >
                {groupDigits(row.created)}
              </td>
              {PARTS.map(({ key }) => (
                <td key={key} class={`number ${tone(key, row[key])}`} title={detail(key, row)}>
                  {groupDigits(row[key])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Where records were dropped, and why. */
export function Drops({ rows }: { rows: readonly LedgerRow[] }) {
  const drops = rows.flatMap((row) =>
    row.dropped_by.map((drop) => ({ ...drop, service: row.service, signal: row.signal })),
  );
  if (drops.length === 0) return null;
  return (
    <section class="card">
      <h2>Dropped</h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Signal</th>
              <th scope="col">Where</th>
              <th scope="col">Why</th>
              <th scope="col" class="number">
                Records
              </th>
            </tr>
          </thead>
          <tbody>
            {drops.map((drop) => (
              <tr key={`${drop.service} ${drop.signal} ${drop.hop} ${drop.reason}`}>
                <th scope="row">{drop.service ? <ServiceName service={drop.service} link /> : "–"}</th>
                <td>{drop.signal}</td>
                <td>{drop.hop}</td>
                <td>
                  <Text>{drop.reason.replaceAll("_", " ")}</Text>
                </td>
                <td class="number warn">{groupDigits(drop.records)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function tone(key: Column, value: number): string {
  if (value === 0) return "muted";
  if (key === "unexplained" || key === "dead_lettered") return "bad";
  return key === "dropped" || key === "quarantined" ? "warn" : "";
}

function detail(key: Column, row: LedgerRow): string | undefined {
  if (key === "dropped" && row.dropped_by.length > 0)
    return row.dropped_by.map((drop) => `${drop.hop}, ${drop.reason}: ${drop.records}`).join("\n");
  if (key === "unexplained" && row.duplicated_records > 0)
    return `${groupDigits(row.duplicated_records)} are stored too often`;
  return undefined;
}
