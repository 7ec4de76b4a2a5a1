import type { ComponentChildren } from "preact";
import { usePreferences } from "../app/preferences";
import { groupDigits } from "../text/numbers";
import { civilTime, formatTime } from "../time/nanos";

interface FactProps {
  name: string;
  class?: string;
  children: ComponentChildren;
}

/** One of the facts below the title of a page, in a `dl`. */
export function Fact({ name, class: className = "", children }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={className}>{children}</dd>
    </div>
  );
}

export function StartFact({ at }: { at: bigint }) {
  const { zone } = usePreferences();
  return (
    <Fact name="Start">
      {formatTime(at, zone, 6)} <small>{civilTime(at, zone).zone}</small>
    </Fact>
  );
}

export function ErrorsFact({ count }: { count: number }) {
  return (
    <Fact name="Errors" class={count > 0 ? "bad" : ""}>
      {groupDigits(count)}
    </Fact>
  );
}
