import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, getJson } from "./client";
import type { Page } from "./types";

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | undefined;
  /** True while a request is under way; `data` may then be of the request before. */
  loading: boolean;
  reload: () => void;
}

interface Answer<T> {
  path: string | null;
  data: T | undefined;
  error: ApiError | undefined;
}

/**
 * Load one document and load it again when `path` changes. `null` loads nothing.
 * The former answer stays while the next one loads if `keep` says so, so that pages do not flash.
 */
export function useResource<T>(path: string | null, keep = true): Resource<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ path: null, data: undefined, error: undefined });
  const [tick, setTick] = useState(0);
  const [loading, setLoading] = useState(path !== null);

  useEffect(() => {
    if (path === null) {
      setLoading(false);
      return;
    }
    const abort = new AbortController();
    setLoading(true);
    getJson<T>(path, abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        setAnswer({ path, data, error: undefined });
        setLoading(false);
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        setAnswer({ path, data: undefined, error: asApiError(cause) });
        setLoading(false);
      },
    );
    return () => abort.abort();
  }, [path, tick]);

  const reload = useCallback(() => setTick((n) => n + 1), []);
  const current = path !== null && (keep || answer.path === path);
  return {
    data: current ? answer.data : undefined,
    error: current ? answer.error : undefined,
    loading: loading || (path !== null && answer.path !== path),
    reload,
  };
}

function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(0, "Failed", String(cause));
}

export interface Pages<T, P extends Page<T> = Page<T>> {
  /** The first page: its totals and completeness describe the whole answer. */
  first: P | undefined;
  items: T[];
  error: ApiError | undefined;
  loading: boolean;
  hasMore: boolean;
  loadMore: () => void;
  reload: () => void;
}

/** A collection read page by page through `cursor`. */
export function usePages<T, P extends Page<T> = Page<T>>(path: string | null): Pages<T, P> {
  const head = useResource<P>(path);
  const [tail, setTail] = useState<{ of: P | undefined; pages: P[] }>({ of: undefined, pages: [] });
  const [more, setMore] = useState<{ loading: boolean; error: ApiError | undefined }>({
    loading: false,
    error: undefined,
  });
  const abort = useRef<AbortController | null>(null);

  useEffect(() => {
    setMore({ loading: false, error: undefined });
    return () => abort.current?.abort();
  }, [head.data]);

  const pages = tail.of === head.data ? tail.pages : [];
  const last = pages.at(-1) ?? head.data;
  const cursor = last?.next_cursor ?? null;

  const loadMore = () => {
    if (path === null || cursor === null || more.loading) return;
    const control = new AbortController();
    abort.current = control;
    setMore({ loading: true, error: undefined });
    const joint = path.includes("?") ? "&" : "?";
    getJson<P>(`${path}${joint}cursor=${encodeURIComponent(cursor)}`, control.signal).then(
      (page) => {
        if (control.signal.aborted) return;
        setTail({ of: head.data, pages: [...pages, page] });
        setMore({ loading: false, error: undefined });
      },
      (cause: unknown) => {
        if (!control.signal.aborted) setMore({ loading: false, error: asApiError(cause) });
      },
    );
  };

  return {
    first: head.data,
    items: head.data ? [head.data, ...pages].flatMap((page) => page.items) : [],
    error: head.error ?? more.error,
    loading: head.loading || more.loading,
    hasMore: cursor !== null,
    loadMore,
    reload: head.reload,
  };
}
