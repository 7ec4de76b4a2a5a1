/** How many service colours the style sheet has (`.service-0` …). */
export const SERVICE_COLOURS = 12;

/** The colour of a service by its name: the same on every page. */
export function serviceColour(service: string): number {
  let hash = 2166136261;
  for (let at = 0; at < service.length; at += 1) {
    hash = Math.imul(hash ^ service.charCodeAt(at), 16777619);
  }
  return (hash >>> 8) % SERVICE_COLOURS;
}

/** Colours for services seen together: two share one only when there are more services than colours. */
export function serviceColours(services: Iterable<string>): Map<string, number> {
  const names = [...new Set(services)].sort();
  const uses = new Array<number>(SERVICE_COLOURS).fill(0);
  const colours = new Map<string, number>();
  for (const name of names) {
    let colour = serviceColour(name);
    const least = Math.min(...uses);
    while ((uses[colour] as number) > least) colour = (colour + 1) % SERVICE_COLOURS;
    uses[colour] = (uses[colour] as number) + 1;
    colours.set(name, colour);
  }
  return colours;
}
