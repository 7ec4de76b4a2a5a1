import { expect, it } from "vitest";
import type { ServiceSummary } from "../api/types";
import { sortedServices } from "./sorting";

const made = (service: string, p95_ns: number | null) => ({ service, p95_ns }) as ServiceSummary;

it("sorts by a column with unknown values last, and filters by name", () => {
  const services = [made("b", 5), made("c", null), made("a", 5), made("d", 9)];
  const names = (filter: string, descending: boolean) =>
    sortedServices(services, filter, "p95_ns", descending).map((one) => one.service);
  expect(names("", true)).toEqual(["d", "a", "b", "c"]);
  expect(names("", false)).toEqual(["a", "b", "d", "c"]);
  expect(names("D", true)).toEqual(["d"]);
});
