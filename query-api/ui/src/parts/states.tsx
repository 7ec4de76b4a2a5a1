import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import { visible } from "../text/visible";

export function Loading({ what }: { what: string }) {
  return (
    <p class="state state-loading" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what}…
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="state state-empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface FailureProps {
  error: ApiError;
  what: string;
  retry?: (() => void) | undefined;
  /** The query the error's position points into. */
  query?: string;
}

export function Failure({ error, what, retry, query }: FailureProps) {
  return (
    <section class="state state-failure" role="alert">
      <h2>
        Cannot load {what}: {error.title}
      </h2>
      <p>{visible(error.message)}</p>
      {query !== undefined && error.position !== undefined && (
        <QueryMark query={query} position={error.position} />
      )}
      <p class="hint">{advice(error.status)}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </section>
  );
}

function QueryMark({ query, position }: { query: string; position: number }) {
  return (
    <pre class="query-mark">
      {visible(query.slice(0, position))}
      <mark>{visible(query.slice(position, position + 1)) || " "}</mark>
      {visible(query.slice(position + 1))}
    </pre>
  );
}

function advice(status: number): string {
  if (status === 0) return "Start it again and reload; the data on disk is kept.";
  if (status === 400 || status === 422) return "Correct the query or the filters above.";
  if (status === 404)
    return "Check the id. Data that just arrived can take a few seconds to become searchable.";
  if (status === 503 || status === 504 || status === 408)
    return "The store is busy. A shorter time range or more filters make the query cheaper.";
  return "See the log of `sightline up` for the cause.";
}
