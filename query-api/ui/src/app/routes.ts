export type Route =
  | { page: "services" }
  | { page: "service"; service: string }
  | { page: "traces" }
  | { page: "trace"; traceId: string }
  | { page: "logs" }
  | { page: "correlation"; id: string }
  | { page: "map" }
  | { page: "status" }
  | { page: "ledger" }
  | { page: "quarantine" }
  | { page: "dead-letters" }
  | { page: "unknown" };

const PLAIN = new Set(["traces", "logs", "map", "status", "ledger", "quarantine", "dead-letters"]);

export function routeOf(path: string): Route {
  const [first = "", second, ...rest] = path.replace(/^\/+|\/+$/g, "").split("/");
  // A service name may itself hold slashes, which some proxies decode on the way.
  const name = second === undefined ? "" : decode([second, ...rest].join("/"));
  if (first === "" || (first === "services" && name === "")) return { page: "services" };
  if (first === "services") return { page: "service", service: name };
  if (first === "traces" && name) return { page: "trace", traceId: name.toLowerCase() };
  if (first === "correlations" && name) return { page: "correlation", id: name };
  if (name === "" && PLAIN.has(first)) return { page: first } as Route;
  return { page: "unknown" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Jump =
  | { kind: "trace"; id: string }
  | { kind: "correlation"; id: string }
  | { kind: "logs"; q: string };

/** Where the search box leads: 32 hex digits are a trace, one word is a correlation id, the rest is a log query. */
export function jumpOf(text: string): Jump | null {
  const typed = text.trim();
  if (typed === "") return null;
  const traceParent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i.exec(typed);
  if (traceParent?.[1]) return { kind: "trace", id: traceParent[1].toLowerCase() };
  if (/^[0-9a-f]{32}$/i.test(typed)) return { kind: "trace", id: typed.toLowerCase() };
  if (/^[^\s:"()<>=]+$/.test(typed) && /\d/.test(typed)) return { kind: "correlation", id: typed };
  return { kind: "logs", q: typed };
}
