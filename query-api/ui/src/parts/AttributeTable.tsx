import type { ComponentChildren } from "preact";
import type { Attributes, Json } from "../api/types";
import { webAddress } from "../text/visible";
import { CopyButton } from "./CopyButton";
import { LongText, Text } from "./Text";

interface AttributeTableProps {
  attributes: Attributes;
  empty?: string;
  /** Extra buttons for one attribute, such as filters. */
  actions?: (key: string, value: Json) => ComponentChildren;
}

/** Attributes by key, each value with its type, in full. */
export function AttributeTable({ attributes, empty = "none", actions }: AttributeTableProps) {
  const keys = Object.keys(attributes).sort();
  if (keys.length === 0) return <p class="hint">{empty}</p>;
  return (
    <table class="attributes">
      <tbody>
        {keys.map((key) => (
          <tr key={key}>
            <th scope="row">
              <Text>{key}</Text>
            </th>
            <td>
              <Value value={attributes[key] ?? null} />
              <span class="attribute-actions">
                {actions?.(key, attributes[key] ?? null)}
                <CopyButton text={plain(attributes[key] ?? null)} label={`value of ${key}`} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function Value({ value }: { value: Json }) {
  if (typeof value === "string") {
    const address = webAddress(value);
    if (address) {
      return (
        <a href={address} target="_blank" rel="noopener noreferrer nofollow" class="value-string">
          <LongText text={value} />
        </a>
      );
    }
    return (
      <span class="value-string">
        {value === "" ? <span class="muted">(empty)</span> : <LongText text={value} />}
      </span>
    );
  }
  if (value === null) return <span class="value-null">null</span>;
  if (typeof value === "object") {
    return (
      <span class="value-json">
        <LongText text={JSON.stringify(value, null, 2)} />
      </span>
    );
  }
  return (
    <span class={`value-${typeof value}`} title={typeof value}>
      {String(value)}
    </span>
  );
}
