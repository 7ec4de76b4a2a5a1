import { useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { Operation, ServiceSummary } from "../api/types";
import { usePages } from "../api/useResource";
import { servicePath, usePlace } from "../app/place";
import { QueryHelp } from "../parts/QueryHelp";
import { QueryBox } from "../query/QueryBox";
import { parseDuration } from "../time/nanos";
import { useRange } from "../time/RangeContext";

/** The search form; nothing is searched until it is sent, and then it stands in the URL. */
export function TraceForm({ busy }: { busy: boolean }) {
  const { query, update } = usePlace();
  const { refresh } = useRange();
  const [fields, setFields] = useState(() => ({
    q: query.get("q") ?? "",
    service: query.get("service") ?? "",
    operation: query.get("operation") ?? "",
    status: query.get("status") ?? "",
    min: query.get("min") ?? "",
    max: query.get("max") ?? "",
  }));
  const change = (name: keyof typeof fields) => (event: { currentTarget: { value: string } }) =>
    setFields({ ...fields, [name]: event.currentTarget.value });
  const pick = (name: "service" | "status") => (event: { currentTarget: { value: string } }) => {
    const next = { ...fields, [name]: event.currentTarget.value };
    if (name === "service") next.operation = "";
    setFields(next);
    update(next);
  };
  const badMin = fields.min !== "" && parseDuration(fields.min) === null;
  const badMax = fields.max !== "" && parseDuration(fields.max) === null;
  return (
    <form
      class="search-form card"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (badMin || badMax) return;
        update(fields);
        refresh();
      }}
    >
      <div class="search-line">
        <QueryBox
          value={fields.q}
          onChange={(q) => setFields({ ...fields, q })}
          signal="traces"
          service={fields.service}
          placeholder="http.route:/cart status:error duration>500ms"
        />
        <button type="submit" class="primary" aria-busy={busy}>
          Search
        </button>
      </div>
      <div class="search-fields">
        <ServiceSelect value={fields.service} onChange={pick("service")} />
        <OperationInput service={fields.service} value={fields.operation} onInput={change("operation")} />
        <label>
          Status
          <select value={fields.status} onChange={pick("status")}>
            <option value="">any</option>
            <option value="error">error</option>
            <option value="ok">ok</option>
          </select>
        </label>
        <label>
          At least
          <input
            class="short"
            value={fields.min}
            placeholder="100ms"
            aria-invalid={badMin}
            onInput={change("min")}
          />
        </label>
        <label>
          At most
          <input
            class="short"
            value={fields.max}
            placeholder="2s"
            aria-invalid={badMax}
            onInput={change("max")}
          />
        </label>
        <QueryHelp signal="traces" />
      </div>
      {(badMin || badMax) && <p class="bad">A duration is a number with a unit: 250us, 10ms, 1.5s, 2m.</p>}
    </form>
  );
}

interface ServiceSelectProps {
  value: string;
  onChange: (event: { currentTarget: { value: string } }) => void;
}

export function ServiceSelect({ value, onChange }: ServiceSelectProps) {
  const { params } = useRange();
  const services = usePages<ServiceSummary>(apiPath("/services", { ...params, limit: 500 }));
  const names = new Set(services.items.map((one) => one.service));
  if (value) names.add(value);
  return (
    <label>
      Service
      <select value={value} onChange={onChange}>
        <option value="">any</option>
        {[...names].sort().map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface OperationInputProps {
  service: string;
  value: string;
  onInput: (event: { currentTarget: { value: string } }) => void;
}

function OperationInput({ service, value, onInput }: OperationInputProps) {
  const { params } = useRange();
  const operations = usePages<Operation>(
    service ? apiPath(`${servicePath(service)}/operations`, { ...params, limit: 200 }) : null,
  );
  const names = new Set(operations.items.map((one) => one.operation));
  return (
    <label>
      Operation
      <input list="operation-names" value={value} placeholder="any" onInput={onInput} />
      <datalist id="operation-names">
        {[...names].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
