import { describe, expect, it } from "vitest";
import { formatBytes, formatCount, formatRate, formatShare, plural } from "./numbers";
import { queryTerm, withTerm } from "./query";
import { clip, visible, visibleLine, webAddress } from "./visible";

describe("hostile text", () => {
  it("shows characters that hide or reorder text", () => {
    expect(visible("a\u202eb")).toBe("a‹U+202E›b");
    expect(visible("\u0000\u001b[31m\u007f")).toBe("␀␛[31m␡");
    expect(visible("zero\u200bwidth\ufeff")).toBe("zero‹U+200B›width‹U+FEFF›");
    expect(visible("\ud800")).toBe("‹U+D800›");
    expect(visible("x\u{e0041}")).toBe("x‹U+E0041›");
  });

  it("leaves languages, emoji, tabs and newlines alone", () => {
    const text = "مرحبا 👩‍💻 日本\n\tnext";
    expect(visible(text)).toBe(text);
    expect(visibleLine("a\r\nb\tc")).toBe("a⏎b c");
  });

  it("links web addresses only", () => {
    expect(webAddress("https://shop.example/a?b=1")).toBe("https://shop.example/a?b=1");
    for (const bad of [
      "javascript:alert(1)",
      "data:text/html,x",
      " https://x",
      "https://",
      "//x",
      "ftp://x",
      "HTTPS://a b",
    ]) {
      expect(webAddress(bad)).toBeNull();
    }
  });

  it("clips without splitting a character", () => {
    expect(clip("ab😀", 3)).toBe("ab");
    expect(clip("short", 10)).toBe("short");
  });
});

describe("query terms", () => {
  it("quotes strings and leaves numbers bare", () => {
    expect(queryTerm("http.route", '/a "b" \\')).toBe('http.route:"/a \\"b\\" \\\\"');
    expect(queryTerm("n", 5)).toBe("n:5");
    expect(queryTerm("bad key", "x")).toBeNull();
    expect(queryTerm("k", ["x"])).toBeNull();
  });

  it("adds, replaces the opposite and does not repeat", () => {
    expect(withTerm("", "a:1")).toBe("a:1");
    expect(withTerm("b", "a:1", true)).toBe("b -a:1");
    expect(withTerm("b a:1", "a:1")).toBe("b a:1");
    expect(withTerm("-a:1", "a:1")).toBe("a:1");
    expect(withTerm("a OR b", "c:1")).toBe("(a OR b) c:1");
  });
});

describe("numbers", () => {
  it("are short and honest", () => {
    expect([999, 9_999, 12_340, 999_999, 1_200_000, null].map((n) => formatCount(n))).toEqual([
      "999",
      "9,999",
      "12.3k",
      "1.0M",
      "1.2M",
      "–",
    ]);
    expect([0, 0.000_01, 0.0042, 0.055, 0.999, 1].map((n) => formatShare(n))).toEqual([
      "0 %",
      "<0.01 %",
      "0.42 %",
      "5.5 %",
      "99.9 %",
      "100 %",
    ]);
    expect([0, 0.001, 1.234, 56.78, 4321].map((n) => formatRate(n))).toEqual([
      "0",
      "<0.01",
      "1.23",
      "56.8",
      "4,321",
    ]);
    expect([512, 2048, 188_412_322].map((n) => formatBytes(n))).toEqual(["512 B", "2.0 KiB", "180 MiB"]);
    expect([plural(1, "span"), plural(2, "span"), plural(0, "entry", "entries")]).toEqual([
      "1 span",
      "2 spans",
      "0 entries",
    ]);
  });
});
