import { describe, expect, it } from "vitest";
import { Palette, SERVICE_COLOURS } from "./palette";
import { withChanges } from "./place";
import { jumpOf, routeOf } from "./routes";

describe("routes", () => {
  it("lead to pages", () => {
    expect(routeOf("/")).toEqual({ page: "services" });
    expect(routeOf("/services/a%2Fb")).toEqual({ page: "service", service: "a/b" });
    expect(routeOf("/services/a/b")).toEqual({ page: "service", service: "a/b" });
    expect(routeOf("/traces/ABC/")).toEqual({ page: "trace", traceId: "abc" });
    expect(routeOf("/correlations/order%20%3F1")).toEqual({ page: "correlation", id: "order ?1" });
    expect(routeOf("/logs")).toEqual({ page: "logs" });
  });

  it("do not break on nonsense", () => {
    expect(routeOf("/nowhere")).toEqual({ page: "unknown" });
    expect(routeOf("/logs/x")).toEqual({ page: "unknown" });
    expect(routeOf("/services/%E0%A4%A")).toEqual({ page: "service", service: "%E0%A4%A" });
  });
});

describe("the search box", () => {
  const id = "0af7651916cd43dd8448eb211c80319c";

  it("knows a trace id, also inside a traceparent header", () => {
    expect(jumpOf(` ${id.toUpperCase()} `)).toEqual({ kind: "trace", id });
    expect(jumpOf(`00-${id}-b7ad6b7169203331-01`)).toEqual({ kind: "trace", id });
  });

  it("takes one word with a digit for a correlation id and the rest for a log query", () => {
    expect(jumpOf("order-417")).toEqual({ kind: "correlation", id: "order-417" });
    expect(jumpOf("timeout")).toEqual({ kind: "logs", q: "timeout" });
    expect(jumpOf("status:error 500")).toEqual({ kind: "logs", q: "status:error 500" });
    expect(jumpOf("  ")).toBeNull();
  });
});

describe("query changes", () => {
  it("set, remove and keep", () => {
    expect(withChanges(new URLSearchParams("a=1&b=2"), { a: null, c: "3", d: "" })).toBe("?b=2&c=3");
    expect(withChanges(new URLSearchParams("a=1"), { a: null })).toBe("");
  });
});

describe("Palette", () => {
  it("gives different colours until all are used, and always the same again", () => {
    const palette = new Palette();
    const names = Array.from({ length: SERVICE_COLOURS }, (_, at) => `service-${at}`);
    const colours = names.map((name) => palette.colourOf(name));
    expect(new Set(colours).size).toBe(SERVICE_COLOURS);
    expect(names.map((name) => palette.colourOf(name))).toEqual(colours);
  });

  it("remembers and ignores a broken memory", () => {
    expect(new Palette('[["cart",7],["bad",99],"x"]').colourOf("cart")).toBe(7);
    expect(() => new Palette("{").colourOf("cart")).not.toThrow();
  });

  it("stays bounded under a flood of names", () => {
    const palette = new Palette();
    for (let at = 0; at < 5_000; at += 1) palette.colourOf(`flood-${at}`);
    expect(palette.colourOf("one more")).toBeLessThan(SERVICE_COLOURS);
  });
});
