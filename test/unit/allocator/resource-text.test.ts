import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equal, format, formatMillis, parse, parseMillis, scalarOf } from "../../../src/allocator/index.ts";
import { arbitraryResources } from "./arbitrary.ts";
import { res } from "./helpers.ts";

describe("the text of --resources", () => {
  it("is read with scalars, ranges and sets", () => {
    expect(format(res("cpus:2;mem:4096;disk:8192;ports:[31000-32000, 22-22];zones:{a,b}"))).toBe(
      "cpus:2; disk:8192; mem:4096; ports:[22-22,31000-32000]; zones:{a,b}",
    );
  });

  it("may have white space, empty parts and the same name twice", () => {
    expect(format(res(" cpus : 1.5 ;; cpus:0.5; ports:[ 1 - 2 , 3 - 4 ]; "))).toBe("cpus:2; ports:[1-4]");
    expect(res("")).toEqual([]);
  });

  it.each([
    ["cpus", "'cpus' is not of the form name:value"],
    [":1", "':1' is not of the form name:value"],
    ["cpus:-1", "Resource 'cpus': '-1' is not a number"],
    ["cpus:1e3", "Resource 'cpus': '1e3' is not a number"],
    ["cpus:", "Resource 'cpus': '' is not a number"],
    ["cpus:.", "Resource 'cpus': '.' is not a number"],
    ["cpus:1;cpus:{a}", "Resource 'cpus': is both scalar and set"],
    ["cpus():1", "Resource 'cpus': the role is missing"],
    ["cpus(dev:1", "'cpus(dev:1' is not of the form name:value"],
    ["ports:[1]", "Resource 'ports': '1' is not of the form begin-end"],
    ["ports:[2-1]", "Resource 'ports': the range 2-1 ends before it begins"],
    ["ports:[1-2", "Resource 'ports': '[1-2' is not a number"],
    ["mem:1000000000.001", "Resource 'mem': '1000000000.001' exceeds 1000000000"],
  ])("is refused: %s", (text, problem) => {
    expect(parse(text)).toEqual({ ok: false, error: problem });
  });

  it("reserves what names a role, unless it is anybody's (RV04)", () => {
    expect(format(res("cpus(dev/eu):1; cpus:2; mem(*):64"))).toBe(
      "cpus:2; cpus(reservations: [(STATIC,dev/eu)]):1; mem:64",
    );
  });

  it("is refused when it is longer than any machine's", () => {
    expect(parse("x".repeat(100_001)).ok).toBe(false);
  });

  it.each([
    ["0.1", 100],
    ["0.09999", 100],
    ["0.0004999", 0],
    ["0.0005", 1],
    [".5", 500],
    ["7.", 7_000],
    ["1.0005", 1_001],
    ["1.9999", 2_000],
    ["1000000000", 1_000_000_000_000],
  ])("gives scalars by their digits, rounded to 3 decimals: %s", (text, millis) => {
    expect(parseMillis(text)).toEqual({ ok: true, value: millis });
    if (millis > 0) expect(scalarOf(res(`cpus:${text}`), "cpus")).toBe(millis);
  });

  it("is what format writes, for any resources without meta", () => {
    fc.assert(
      fc.property(arbitraryResources(), (resources) => {
        expect(equal(res(format(resources)), resources)).toBe(true);
      }),
    );
  });

  it("has scalars that come back the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), (millis) => {
        expect(parseMillis(formatMillis(millis))).toEqual({ ok: true, value: millis });
      }),
    );
  });
});
