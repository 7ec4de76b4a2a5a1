import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { readStored, writeStored } from "./stored";

/** How many service colours the style sheet has (`.service-0` …). */
export const SERVICE_COLOURS = 12;

const KEY = "sightline.colours";
const MOST_REMEMBERED = 400;

/**
 * Gives every service a colour and remembers it in this browser, so that a service looks the same on every
 * page and tomorrow. A new one starts at a colour that its name decides and takes the next least used one:
 * two services share a colour only when there are more services than colours.
 */
export class Palette {
  readonly #colours = new Map<string, number>();
  readonly #uses = new Array<number>(SERVICE_COLOURS).fill(0);

  constructor(remembered: string | null = null) {
    for (const [service, colour] of entriesOf(remembered)) this.#give(service, colour);
  }

  /** A palette that outlives the page, where the browser allows it. */
  static stored(): Palette {
    return new Palette(readStored(KEY));
  }

  colourOf(service: string): number {
    const known = this.#colours.get(service);
    if (known !== undefined) return known;
    const started = hash(service) % SERVICE_COLOURS;
    // Names are a stranger's to choose: without a bound a flood of them would fill the storage.
    if (this.#colours.size >= MOST_REMEMBERED) return started;
    const least = Math.min(...this.#uses);
    let colour = started;
    while ((this.#uses[colour] as number) > least) colour = (colour + 1) % SERVICE_COLOURS;
    this.#give(service, colour);
    writeStored(KEY, JSON.stringify([...this.#colours]));
    return colour;
  }

  coloursOf(services: Iterable<string>): Map<string, number> {
    return new Map([...services].map((service) => [service, this.colourOf(service)]));
  }

  #give(service: string, colour: number): void {
    this.#colours.set(service, colour);
    this.#uses[colour] = (this.#uses[colour] as number) + 1;
  }
}

export const PaletteContext = createContext<Palette>(new Palette());

export function usePalette(): Palette {
  return useContext(PaletteContext);
}

function hash(text: string): number {
  let mixed = 2166136261;
  for (let at = 0; at < text.length; at += 1) mixed = Math.imul(mixed ^ text.charCodeAt(at), 16777619);
  return mixed >>> 8;
}

function entriesOf(remembered: string | null): [string, number][] {
  try {
    const parsed: unknown = JSON.parse(remembered ?? "[]");
    if (!Array.isArray(parsed)) return [];
    return parsed
      .filter(
        (entry): entry is [string, number] =>
          Array.isArray(entry) &&
          typeof entry[0] === "string" &&
          Number.isInteger(entry[1]) &&
          entry[1] >= 0 &&
          entry[1] < SERVICE_COLOURS,
      )
      .slice(0, MOST_REMEMBERED);
  } catch {
    return [];
  }
}
