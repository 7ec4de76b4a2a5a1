import { describe, expect, it } from "vitest";
import { barOf, clampView, panTo, ticksOf, viewFromQuery, viewToQuery, zoomView } from "./view";

const whole = { from: 0, to: 1000 };

describe("view", () => {
  it("stays inside the trace and never gets shorter than can be drawn", () => {
    expect(clampView({ from: -50, to: 100 }, whole)).toEqual({ from: 0, to: 150 });
    expect(clampView({ from: 950, to: 1200 }, whole)).toEqual({ from: 750, to: 1000 });
    expect(clampView({ from: 500, to: 500 }, whole)).toEqual({ from: 500, to: 510 });
  });

  it("keeps the point under the pointer while zooming", () => {
    const zoomed = zoomView(whole, 250, 0.5, whole);
    expect(zoomed).toEqual({ from: 125, to: 625 });
    expect((250 - zoomed.from) / (zoomed.to - zoomed.from)).toBeCloseTo(0.25);
  });

  it("pans only when the span is out of sight", () => {
    const view = { from: 100, to: 200 };
    expect(panTo(view, 150, 160, whole)).toBe(view);
    expect(panTo(view, 500, 520, whole)).toEqual({ from: 460, to: 560 });
  });

  it("survives the URL and ignores nonsense there", () => {
    expect(viewFromQuery(viewToQuery({ from: 10, to: 90 }, whole), whole)).toEqual({ from: 10, to: 90 });
    expect(viewToQuery(whole, whole)).toBeNull();
    expect(viewFromQuery("9-1", whole)).toBe(whole);
    expect(viewFromQuery("zoom", whole)).toBe(whole);
    expect(viewFromQuery("-5-20", { from: -10, to: 100 })).toEqual({ from: -5, to: 20 });
  });
});

describe("barOf", () => {
  it("is a share of the visible time", () => {
    expect(barOf(250, 500, whole)).toEqual({ left: 0.25, width: 0.5, outside: "" });
  });

  it("is cut at the edges and knows on which side it is hidden", () => {
    const view = { from: 100, to: 200 };
    expect(barOf(50, 100, view)).toEqual({ left: 0, width: 0.5, outside: "" });
    expect(barOf(0, 50, view).outside).toBe("before");
    expect(barOf(300, 50, view).outside).toBe("after");
  });
});

describe("ticksOf", () => {
  it("takes round steps", () => {
    expect(ticksOf({ from: 0, to: 1e9 }, 0, 5)).toEqual([0, 2e8, 4e8, 6e8, 8e8, 1e9]);
  });

  it("counts long times in minutes and hours", () => {
    expect(ticksOf({ from: 0, to: 600e9 }, 0, 5)).toEqual([0, 120e9, 240e9, 360e9, 480e9, 600e9]);
  });

  it("is bounded for any view", () => {
    expect(ticksOf({ from: 0, to: 10 }, 0, 8).length).toBeLessThanOrEqual(11);
    expect(ticksOf({ from: 0, to: 4e18 }, 0, 8).length).toBeLessThanOrEqual(11);
  });
});
