const BASE = "/api/v1";

/** An answer of the API that is not a success, or no answer at all (status 0). RFC 9457 problem details. */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  /** Where a query-language error is, counted in characters from the start of the query. */
  readonly position: number | undefined;

  constructor(status: number, title: string, detail: string, position?: number) {
    super(detail);
    this.status = status;
    this.title = title;
    this.position = position;
  }
}

export type Params = Record<string, string | number | boolean | null | undefined>;

/** A path below /api/v1 with its query; empty values are left out. */
export function apiPath(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Fetch one JSON document. Throws {@link ApiError}, or the abort reason when `signal` fires. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      headers: { accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "No answer", "The query API did not answer. Is `sightline up` still running?");
  }
  if (!response.ok) throw await problemOf(response);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(response.status, "Unreadable answer", "The answer of the query API is not JSON.");
  }
}

/**
 * Ask for a change. `key` is equal for every try of one request, which is then carried out once.
 * Throws {@link ApiError}.
 */
export async function postJson<T>(path: string, body: unknown, key?: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method: "POST",
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        ...(key ? { "idempotency-key": key } : {}),
      },
      body: JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "No answer", "The query API did not answer. Is `sightline up` still running?");
  }
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}

async function problemOf(response: Response): Promise<ApiError> {
  const title = response.statusText || `HTTP ${response.status}`;
  try {
    const body = (await response.json()) as { title?: unknown; detail?: unknown; position?: unknown };
    return new ApiError(
      response.status,
      typeof body.title === "string" ? body.title : title,
      typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail ?? title),
      typeof body.position === "number" ? body.position : undefined,
    );
  } catch {
    return new ApiError(response.status, title, `The query API answered with HTTP ${response.status}.`);
  }
}
