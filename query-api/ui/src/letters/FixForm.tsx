import { Icon } from "../parts/Icon";
import { type Draft, EMPTY, needsAttribute, OPERATIONS } from "./steps";
import type { Scope, Step } from "./types";

interface FixFormProps {
  drafts: Draft[];
  onChange: (drafts: Draft[]) => void;
  telemetry: boolean;
}

/** Steps that change each letter before it is sent, in order. */
export function FixForm({ drafts, onChange, telemetry }: FixFormProps) {
  const offered = OPERATIONS.filter((one) => telemetry || one.for === "all");
  const change = (at: number, changes: Partial<Draft>) =>
    onChange(drafts.map((draft, index) => (index === at ? { ...draft, ...changes } : draft)));
  return (
    <fieldset class="fix">
      <legend>Fix first</legend>
      {drafts.length === 0 && <p class="muted">Nothing: each is sent as it came.</p>}
      {drafts.map((draft, at) => (
        <div class="fix-step" key={at}>
          <select
            aria-label={`Step ${at + 1}`}
            value={draft.op}
            onChange={(event) => change(at, { op: event.currentTarget.value as Step["op"] })}
          >
            {offered.map((one) => (
              <option key={one.op} value={one.op}>
                {one.label}
              </option>
            ))}
          </select>
          {needsAttribute(draft.op) && (
            <StepFields draft={draft} telemetry={telemetry} onChange={(changes) => change(at, changes)} />
          )}
          <button
            type="button"
            class="icon-button"
            aria-label={`Remove step ${at + 1}`}
            onClick={() => onChange(drafts.filter((_, index) => index !== at))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <button
        type="button"
        onClick={() => onChange([...drafts, { ...EMPTY, op: telemetry ? "salvage" : "set" }])}
      >
        <Icon name="plus" /> Add a step
      </button>
    </fieldset>
  );
}

interface StepFieldsProps {
  draft: Draft;
  telemetry: boolean;
  onChange: (changes: Partial<Draft>) => void;
}

function StepFields({ draft, telemetry, onChange }: StepFieldsProps) {
  return (
    <>
      {telemetry && (
        <select
          aria-label="Attribute of"
          value={draft.scope}
          onChange={(event) => onChange({ scope: event.currentTarget.value as Scope })}
        >
          <option value="record">of each record</option>
          <option value="resource">of each resource</option>
        </select>
      )}
      <input
        aria-label="Attribute"
        placeholder={telemetry ? "http.route" : "customer.name"}
        value={draft.attribute}
        required
        onInput={(event) => onChange({ attribute: event.currentTarget.value })}
      />
      {draft.op !== "drop" && (
        <input
          aria-label="Value"
          placeholder="value"
          value={draft.value}
          onInput={(event) => onChange({ value: event.currentTarget.value })}
        />
      )}
    </>
  );
}
