import type { Alert, ComponentStatus, PartitionStatus } from "../api/types";
import { useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { Text } from "../parts/Text";
import { groupDigits } from "../text/numbers";
import { formatAgo, formatDuration, formatTime, parseNanos } from "../time/nanos";

const LAG_WORTH_A_LOOK_SECONDS = 10;

/** What fires now. */
export function AlertList({ alerts }: { alerts: readonly Alert[] }) {
  const href = useHref();
  if (alerts.length === 0) return null;
  return (
    <section class="card" aria-label="Alerts">
      <h2>Alerts</h2>
      <ul class="alert-list">
        {alerts.map((alert) => (
          <li key={alert.id}>
            <span class={`tag ${alert.severity === "critical" ? "status-error" : "tag-warn"}`}>
              {alert.severity}
            </span>
            <a href={href(alert.link)}>
              <Text>{alert.summary}</Text>
            </a>
            {alert.detail && (
              <p>
                <Text>{alert.detail}</Text>
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** How far the pipeline is with each partition of the bus. */
export function Partitions({ partitions }: { partitions: readonly PartitionStatus[] }) {
  if (partitions.length === 0) return null;
  return (
    <section class="card">
      <h2>Partitions</h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Messages waiting
              </th>
              <th scope="col" class="number" title="Age of the first message that is not done">
                Lag
              </th>
              <th scope="col" class="number" title="How long the pipeline has had the oldest message in hand">
                Uncommitted for
              </th>
              <th scope="col" class="number" title="How long ago the newest stored message arrived">
                Newest stored
              </th>
              <th scope="col" class="number" title="From its arrival until it was stored">
                End to end
              </th>
              <th scope="col" class="number" title="Ranges that the bus removed before they were read">
                Skipped
              </th>
              <th scope="col" class="number">
                Dead letters
              </th>
            </tr>
          </thead>
          <tbody>
            {partitions.map((one) => (
              <tr key={`${one.topic} ${one.partition}`}>
                <th scope="row" title={one.instance}>
                  <Text>{`${one.topic} ${one.partition}`}</Text>
                </th>
                <td>
                  <State state={one.silent ? "silent" : one.state} reason={one.reason} />
                </td>
                <td class="number">{groupDigits(one.lag_messages)}</td>
                <td class={`number ${one.lag_seconds > LAG_WORTH_A_LOOK_SECONDS ? "bad" : ""}`}>
                  {formatDuration(one.lag_seconds * 1e9)}
                </td>
                <td class="number">{formatDuration(one.oldest_uncommitted_seconds * 1e9)}</td>
                <td class="number">
                  {one.freshness_seconds === null
                    ? "–"
                    : `${formatDuration(one.freshness_seconds * 1e9)} ago`}
                </td>
                <td class="number">{formatDuration(one.store_delay_seconds * 1e9)}</td>
                <td class={`number ${one.gaps_skipped ? "bad" : "muted"}`}>
                  {groupDigits(one.gaps_skipped)}
                </td>
                <td class={`number ${one.dead_lettered ? "bad" : "muted"}`}>
                  {groupDigits(one.dead_lettered)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The processes and what they said last. */
export function Components({ components }: { components: readonly ComponentStatus[] }) {
  const { zone } = usePreferences();
  if (components.length === 0) return null;
  const time = (text: string) => {
    const nanos = parseNanos(text);
    return nanos === null ? "–" : `${formatTime(nanos, zone, 0)}, ${formatAgo(nanos, Date.now())}`;
  };
  return (
    <section class="card">
      <h2>Processes</h2>
      <div class="table-box">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">State</th>
              <th scope="col">Breakers</th>
              <th scope="col">Version</th>
              <th scope="col">Started</th>
              <th scope="col">Last report</th>
            </tr>
          </thead>
          <tbody>
            {components.map((one) => (
              <tr key={one.instance}>
                <th scope="row">
                  <Text>{one.component}</Text>{" "}
                  <code class="muted">
                    <Text>{one.instance}</Text>
                  </code>
                </th>
                <td>
                  <State state={one.silent ? "silent" : one.state} reason={one.reason} />
                </td>
                <td>
                  <Text>{`store ${one.store_breaker || "–"}, bus ${one.bus_breaker || "–"}`}</Text>
                </td>
                <td>
                  <Text>{one.version}</Text>
                </td>
                <td>{time(one.started)}</td>
                <td>{time(one.reported)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function State({ state, reason }: { state: string; reason: string }) {
  const tone = state === "running" ? "status-ok" : state === "left" ? "" : "status-error";
  return (
    <>
      <span class={`tag ${tone}`}>
        <Text>{state}</Text>
      </span>
      {reason && (
        <span class="muted">
          {" "}
          <Text>{reason}</Text>
        </span>
      )}
    </>
  );
}
