import { useEffect, useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { AttributeKey, Page } from "../api/types";
import { useResource } from "../api/useResource";
import { useRange } from "../time/RangeContext";
import {
  fieldSuggestions,
  type Part,
  questionOf,
  type Signal,
  type Suggestion,
  valueSuggestions,
} from "./complete";

const DEBOUNCE_MS = 150;

/** What the part may become; asked for when nothing was typed for a moment. No answer means no suggestions. */
export function useSuggestions(part: Part | null, signal: Signal, service: string): Suggestion[] {
  const { params } = useRange();
  const question = part && questionOf(part, signal);
  const path = question && apiPath(question[0], { ...params, ...question[1], service });
  const [asked, setAsked] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(path), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [path]);
  const answer = useResource<Page<AttributeKey & { value: string }>>(asked === path ? path : null, false);
  if (part === null) return [];
  const items = answer.data?.items ?? [];
  return part.field === null ? fieldSuggestions(part, signal, items) : valueSuggestions(part, signal, items);
}
