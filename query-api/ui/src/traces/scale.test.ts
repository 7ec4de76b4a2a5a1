import { expect, it } from "vitest";
import { barScale } from "./scale";

it("is the longest duration, unless outliers would hide all others", () => {
  expect(barScale([10, 20, 30])).toBe(30);
  expect(barScale([...Array.from({ length: 20 }, () => 100), 90_000])).toBe(125);
  expect(barScale([])).toBe(1);
});
