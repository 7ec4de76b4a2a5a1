import { useRef, useState } from "preact/hooks";
import { usePageKeys } from "../app/keys";
import { usePlace } from "../app/place";
import { QueryHelp } from "../parts/QueryHelp";
import { useRange } from "../time/RangeContext";
import { ServiceSelect } from "../traces/TraceForm";

const SEVERITIES = ["trace", "debug", "info", "warn", "error", "fatal"];

export function LogForm() {
  const { query, update } = usePlace();
  const { refresh } = useRange();
  const box = useRef<HTMLInputElement>(null);
  const [q, setQ] = useState(query.get("q") ?? "");
  usePageKeys({ "/": () => box.current?.select() });
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
        <label class="grow">
          <span class="visually-hidden">Query</span>
          <input
            ref={box}
            type="search"
            name="q"
            value={q}
            spellcheck={false}
            placeholder='timeout "connection refused" http.route:/cart'
            onInput={(event) => setQ(event.currentTarget.value)}
          />
        </label>
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
