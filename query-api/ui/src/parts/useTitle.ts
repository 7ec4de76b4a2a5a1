import { useEffect } from "preact/hooks";
import { visibleLine } from "../text/visible";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${visibleLine(title)} · Sightline`;
  }, [title]);
}
