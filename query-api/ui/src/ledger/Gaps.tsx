import { apiPath } from "../api/client";
import type { Gap, OriginRow } from "../api/types";
import { usePages } from "../api/useResource";
import { usePreferences } from "../app/preferences";
import { Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { groupDigits, plural } from "../text/numbers";
import { formatTime, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";

const STATES: Record<Gap["state"], { tag: string; meaning: string }> = {
  missing: { tag: "tag status-error", meaning: "It should be in; nobody says where it went" },
  pending: { tag: "tag tag-warn", meaning: "It may still be on its way" },
  unacknowledged: {
    tag: "tag",
    meaning: "Numbered after the collector's last report: the next one says what became of it",
  },
};

/** Messages that are missing from the sequence of their origin: which, and when. */
export function Gaps() {
  const { params } = useRange();
  const { zone } = usePreferences();
  const gaps = usePages<Gap>(apiPath("/ledger/gaps", { ...params, limit: 200 }));
  const time = (text: string) => {
    const nanos = parseNanos(text);
    return nanos === null ? "–" : formatTime(nanos, zone, 3);
  };
  return (
    <section class="card" id="gaps">
      <h2>Gaps</h2>
      {gaps.error && <Failure error={gaps.error} what="the gaps" retry={gaps.reload} />}
      {!gaps.first && !gaps.error && <Loading what="gaps" />}
      {gaps.first && gaps.items.length === 0 && (
        <p class="muted">Every number that a collector gave to a message is accounted for.</p>
      )}
      {gaps.items.length > 0 && (
        <div class="table-box">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Origin</th>
                <th scope="col">Signal</th>
                <th scope="col">Numbers</th>
                <th scope="col" class="number">
                  Messages
                </th>
                <th scope="col">State</th>
                <th scope="col">Between</th>
              </tr>
            </thead>
            <tbody>
              {gaps.items.map((gap) => (
                <tr key={`${gap.origin} ${gap.signal} ${gap.first_seq}`}>
                  <th scope="row">
                    <code>
                      <Text>{gap.origin}</Text>
                    </code>
                  </th>
                  <td>{gap.signal}</td>
                  <td>
                    {gap.first_seq === gap.last_seq
                      ? groupDigits(gap.first_seq)
                      : `${groupDigits(gap.first_seq)} to ${groupDigits(gap.last_seq)}`}
                  </td>
                  <td class="number">{groupDigits(gap.messages)}</td>
                  <td>
                    <span class={STATES[gap.state]?.tag ?? "tag"} title={STATES[gap.state]?.meaning}>
                      {gap.state}
                    </span>
                  </td>
                  <td>
                    {time(gap.after)} and {time(gap.before)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** Who numbered the messages, what each said of itself, and what arrived. */
export function Origins() {
  const { params } = useRange();
  const origins = usePages<OriginRow>(apiPath("/ledger/origins", { ...params }));
  if (origins.error) return <Failure error={origins.error} what="the origins" retry={origins.reload} />;
  if (!origins.first || origins.items.length === 0) return null;
  return (
    <section class="card">
      <h2>Collectors</h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Origin</th>
              <th scope="col">Signal</th>
              <th scope="col" class="number" title="Records in requests that it could read">
                Accepted
              </th>
              <th scope="col" class="number" title="Records durably on the bus">
                Forwarded
              </th>
              <th scope="col" class="number" title="Refused for good; the senders were told">
                Rejected
              </th>
              <th scope="col" class="number" title="Refused for now; the senders keep them">
                Returned
              </th>
              <th scope="col" class="number" title="Records that reached the store or the quarantine">
                Arrived
              </th>
              <th scope="col" class="number">
                Messages
              </th>
              <th scope="col" class="number">
                Missing
              </th>
              <th scope="col" class="number" title="Messages stored more than once">
                Double
              </th>
            </tr>
          </thead>
          <tbody>
            {origins.items.map((row) => (
              <tr key={`${row.origin} ${row.signal}`}>
                <th scope="row">
                  <code>
                    <Text>{row.origin}</Text>
                  </code>
                </th>
                <td>{row.signal}</td>
                {[row.accepted, row.forwarded, row.rejected, row.returned].map((value, index) => (
                  <td key={index} class="number">
                    {value === null ? "–" : groupDigits(value)}
                  </td>
                ))}
                <td class="number">{groupDigits(row.arrived)}</td>
                <td class="number">{groupDigits(row.messages)}</td>
                <td class={`number ${row.missing_messages ? "bad" : "muted"}`}>
                  {groupDigits(row.missing_messages)}
                  {row.pending_messages > 0 && (
                    <span class="muted"> +{plural(row.pending_messages, "undecided", "undecided")}</span>
                  )}
                </td>
                <td class={`number ${row.duplicate_messages ? "bad" : "muted"}`}>
                  {groupDigits(row.duplicate_messages)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
