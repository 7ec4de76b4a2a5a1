import { useEffect, useState } from "preact/hooks";
import { ApiError, getJson } from "../api/client";
import type { Redrive } from "./types";

const POLL_MILLIS = 700;

/** Follows a redrive until its end. */
export function useRedrive(started: Redrive | undefined): { redrive: Redrive | undefined; error: string } {
  const [redrive, setRedrive] = useState(started);
  const [error, setError] = useState("");
  useEffect(() => {
    setRedrive(started);
    if (!started || isOver(started)) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      getJson<Redrive>(`/redrives/${started.id}`, abort.signal).then(
        (now) => {
          setError("");
          setRedrive(now);
          if (!isOver(now)) timer = setTimeout(ask, POLL_MILLIS);
        },
        (cause: unknown) => {
          if (abort.signal.aborted) return;
          setError(cause instanceof ApiError ? cause.message : String(cause));
          timer = setTimeout(ask, 4 * POLL_MILLIS);
        },
      );
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [started]);
  return { redrive, error };
}

export function isOver(redrive: Redrive): boolean {
  return redrive.state !== "waiting" && redrive.state !== "running";
}
