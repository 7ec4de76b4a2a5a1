import { useState } from "preact/hooks";
import { usePlace } from "../app/place";
import { QueryHelp } from "../parts/QueryHelp";
import { QueryBox } from "../query/QueryBox";
import { useRange } from "../time/RangeContext";
import { ServiceSelect } from "../traces/TraceForm";

const SEVERITIES = ["trace", "debug", "info", "warn", "error", "fatal"];

export function LogForm() {
  const { query, update } = usePlace();
  const { refresh } = useRange();
  const [q, setQ] = useState(query.get("q") ?? "");
  return (
    <form
      class="search-form card"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        update({ q });
        refresh();
      }}
    >
      <div class="search-line">
        <QueryBox
          value={q}
          onChange={setQ}
          signal="logs"
          service={query.get("service") ?? ""}
          placeholder='timeout "connection refused" http.route:/cart'
        />
        <button type="submit" class="primary">
          Search
        </button>
      </div>
      <div class="search-fields">
        <ServiceSelect
          value={query.get("service") ?? ""}
          onChange={(event) => update({ q, service: event.currentTarget.value })}
        />
        <label>
          Severity
          <select
            value={query.get("severity") ?? ""}
            onChange={(event) => update({ q, severity: event.currentTarget.value })}
          >
            <option value="">any</option>
            {SEVERITIES.map((one) => (
              <option key={one} value={one}>
                {one === "fatal" ? one : `${one} and worse`}
              </option>
            ))}
          </select>
        </label>
        <QueryHelp signal="logs" />
      </div>
    </form>
  );
}
