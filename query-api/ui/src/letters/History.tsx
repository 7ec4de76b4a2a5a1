import { usePages } from "../api/useResource";
import { usePreferences } from "../app/preferences";
import { Failure } from "../parts/states";
import { Text } from "../parts/Text";
import { groupDigits } from "../text/numbers";
import { formatTime, parseNanos } from "../time/nanos";
import type { Redrive } from "./types";

/** Who sent again or discarded what, and what came of it. */
export function History({ version }: { version: number }) {
  const { zone } = usePreferences();
  const redrives = usePages<Redrive>(`/redrives?limit=20&v=${version}`);
  if (redrives.error) return <Failure error={redrives.error} what="the record" retry={redrives.reload} />;
  if (redrives.items.length === 0) return null;
  return (
    <section class="card table-box">
      <h2>What was done</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Who</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Letters
            </th>
            <th scope="col" class="number">
              Done
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {redrives.items.map((one) => {
            const nanos = parseNanos(one.created);
            return (
              <tr key={one.id}>
                <td>{nanos === null ? "–" : formatTime(nanos, zone, 0)}</td>
                <td>{one.action}</td>
                <td>
                  <Text>{one.actor || one.address || "–"}</Text>
                </td>
                <td class={one.state === "failed" ? "bad" : ""}>{one.state}</td>
                <td class="number">{one.total === null ? "–" : groupDigits(one.total)}</td>
                <td class="number">{groupDigits(one.done)}</td>
                <td class={`number ${one.failed ? "bad" : "muted"}`}>{groupDigits(one.failed)}</td>
                <td>
                  <Text>{one.request.reason || one.problems[0] || ""}</Text>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {redrives.hasMore && (
        <button type="button" class="load-more" onClick={redrives.loadMore} disabled={redrives.loading}>
          Load more
        </button>
      )}
    </section>
  );
}
