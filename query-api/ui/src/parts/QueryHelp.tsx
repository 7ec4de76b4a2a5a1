import { useState } from "preact/hooks";

const ROWS: readonly [string, string][] = [
  ["service:cart", "a field has this value"],
  ['name:"GET /cart"', "quotes keep words together"],
  ["name:GET*", "begins with"],
  ["duration>500ms", "greater; also >= < <="],
  ["http.status_code:[500 TO 599]", "between, both ends included"],
  ["resource.host.name:web-1", "a resource attribute; scope.name:… for the scope"],
  ["status:error -kind:client", "all conditions; - or NOT leaves out"],
  ["(a OR b) AND c", "AND, OR, NOT and parentheses"],
];

/** The query language in eight lines. */
export function QueryHelp({ signal }: { signal: "traces" | "logs" }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="query-help">
      <button type="button" class="link-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Query language
      </button>
      {open && (
        <table>
          <tbody>
            <tr>
              <th scope="row">
                <code>timeout</code>
              </th>
              <td>a bare word: in the {signal === "logs" ? "body of the log line" : "name of a span"}</td>
            </tr>
            {ROWS.map(([example, meaning]) => (
              <tr key={example}>
                <th scope="row">
                  <code>{example}</code>
                </th>
                <td>{meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
