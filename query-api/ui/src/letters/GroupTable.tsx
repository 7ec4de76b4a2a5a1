import { useHref } from "../app/place";
import { ServiceName } from "../parts/Service";
import { Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { formatBytes, groupDigits } from "../text/numbers";
import { formatAgo, parseNanos } from "../time/nanos";
import type { LetterGroup } from "./types";

/** One row an error. */
export function GroupTable({ groups }: { groups: LetterGroup[] }) {
  const rows = useListKeys<HTMLTableSectionElement>();
  const href = useHref();
  const now = Date.now();
  const ago = (text: string) => {
    const nanos = parseNanos(text);
    return nanos === null ? "–" : formatAgo(nanos, now);
  };
  return (
    <div class="card table-box">
      <table class="table letter-groups">
        <thead>
          <tr>
            <th scope="col">Error</th>
            <th scope="col">Stood in</th>
            <th scope="col" class="number">
              Letters
            </th>
            <th scope="col" class="number" title="Sent again, and failed again">
              Parked
            </th>
            <th scope="col" class="number" title="Over the last ten minutes">
              A minute
            </th>
            <th scope="col" class="number">
              Oldest
            </th>
            <th scope="col" class="number">
              Size
            </th>
          </tr>
        </thead>
        <tbody ref={rows}>
          {groups.map((group) => (
            <tr key={group.fingerprint}>
              <th scope="row">
                <a data-row href={href("/dead-letters", { group: group.fingerprint })}>
                  <Text>{`${group.reason}: ${group.pattern || group.exception}`}</Text>
                </a>
                <div class="letter-preview muted">
                  <Text>{group.sample_preview}</Text>
                </div>
              </th>
              <td>
                <Text>{group.topic}</Text>
                <div class="row-links">
                  {group.services.slice(0, 3).map((service) => (
                    <ServiceName key={service} service={service} />
                  ))}
                </div>
              </td>
              <td class="number">{groupDigits(group.letters)}</td>
              <td class={`number ${group.parked ? "warn" : "muted"}`}>{groupDigits(group.parked)}</td>
              <td class={`number ${group.per_minute ? "bad" : "muted"}`}>{group.per_minute.toFixed(1)}</td>
              <td class="number" title={group.oldest}>
                {ago(group.oldest)}
              </td>
              <td class="number">{formatBytes(group.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
