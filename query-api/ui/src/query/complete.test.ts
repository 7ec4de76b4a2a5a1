import { describe, expect, it } from "vitest";
import type { AttributeKey } from "../api/types";
import { complete, fieldSuggestions, type Part, partAt, questionOf, valueSuggestions } from "./complete";

/** The part at the `|` of a query. */
function at(marked: string): Part | null {
  return partAt(marked.replace("|", ""), marked.indexOf("|"));
}

function chosen(marked: string, text: string): string {
  const part = at(marked);
  if (part === null) throw new Error("nothing to complete");
  const done = complete(marked.replace("|", ""), part, { label: "", text, note: "" });
  return `${done.query.slice(0, done.caret)}|${done.query.slice(done.caret)}`;
}

describe("partAt", () => {
  it.each([
    ["htt|", null, "htt"],
    ["a:1 -sta|", null, "sta"],
    ["(serv|", null, "serv"],
    ["service:|", "service", ""],
    ["service:ca| b", "service", "ca"],
    ['name:"GET /c|"', "name", "GET /c"],
    ['name:"a \\"b|', "name", 'a "b'],
    ['"two words" stat|', null, "stat"],
  ])("finds what is typed in %s", (marked, field, prefix) => {
    expect(at(marked)).toMatchObject({ field, prefix });
  });

  it.each(["|", "a |", '"a phr|', "duration>5|", "status:[400 |", "code:[4|", 'name:"x"|', "5|", '"a:b|'])(
    "has nothing to offer in %s",
    (marked) => expect(at(marked)).toBeNull(),
  );
});

describe("complete", () => {
  it("replaces the field and leaves the caret behind its colon", () => {
    expect(chosen("a:1 ht|", "http.route:")).toBe("a:1 http.route:|");
    expect(chosen("ht|tp:/x b", "http.route:")).toBe("http.route:|/x b");
  });

  it("replaces the value, quotes included, and goes on behind it", () => {
    expect(chosen("-service:c|a b", "cart")).toBe("-service:cart| b");
    expect(chosen('name:"GET|"', '"GET /cart"')).toBe('name:"GET /cart" |');
  });
});

describe("suggestions", () => {
  const key = (name: string, scope: AttributeKey["scope"]) => ({ key: name, scope, types: "s", count: 1 });
  const fieldsOf = (marked: string, found: AttributeKey[]) =>
    fieldSuggestions(at(marked) as Part, "traces", found).map((one) => one.text);

  it("names own fields first and attributes as queries name them", () => {
    const found = [key("http.route", "record"), key("host.name", "resource"), key("name", "record")];
    expect(fieldsOf("s|", [])).toEqual(["service:", "status:", "span_id:", "status_message:"]);
    expect(fieldsOf("h|", found)).toEqual(["http.route:", "resource.host.name:", "attributes.name:"]);
    expect(fieldsOf("resource.h|", found)).toEqual(["resource.host.name:"]);
    expect(fieldsOf("h|", [key("has space", "record"), key('"', "record")])).toEqual([]);
  });

  it("asks without the scope's name, and not for fields whose values are known", () => {
    expect(questionOf(at("resource.ho|") as Part, "logs")?.[1]).toMatchObject({ prefix: "ho" });
    expect(questionOf(at("status:e|") as Part, "traces")).toBeNull();
    expect(questionOf(at("duration:|") as Part, "traces")).toBeNull();
    expect(questionOf(at("http.route:/c|") as Part, "logs")?.[0]).toBe("/attributes/values");
  });

  it("quotes values where they need it", () => {
    const values = [
      { value: "GET /cart", count: 1 },
      { value: "web-1", count: 1 },
      { value: '"', count: 1 },
    ];
    expect(valueSuggestions(at("x:|") as Part, "logs", values).map((one) => one.text)).toEqual([
      '"GET /cart"',
      "web-1",
      '"\\""',
    ]);
    expect(valueSuggestions(at("severity:F|") as Part, "logs", []).map((one) => one.text)).toEqual(["fatal"]);
  });
});
