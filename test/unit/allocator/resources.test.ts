import { describe, expect, it } from "vitest";
import {
  add,
  contains,
  equal,
  format,
  isEmpty,
  makeResources,
  NO_RESOURCES,
  type ResourcePart,
  scalarOf,
  subtract,
  sum,
  toMillis,
  without,
} from "../../../src/allocator/index.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";
import { res } from "./helpers.ts";

const scalar = (name: string, millis: number, meta = ""): ResourcePart => ({
  name,
  meta,
  value: { kind: "scalar", millis },
});
const ports = (...ends: [number, number][]): ResourcePart => ({
  name: "ports",
  value: { kind: "ranges", ranges: ends.map(([begin, end]) => ({ begin, end })) },
});
const zones = (...items: string[]): ResourcePart => ({ name: "zones", value: { kind: "set", items } });

function made(...parts: ResourcePart[]) {
  const result = makeResources(parts);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe("makeResources", () => {
  it("combines equal names and sorts by name", () => {
    expect(format(made(scalar("mem", 1_000), scalar("cpus", 500), scalar("cpus", 250)))).toBe(
      "cpus:0.75; mem:1",
    );
  });

  it("keeps resources of different meta apart (trap 38), and counts them together by name", () => {
    const two = made(scalar("cpus", 1_000), scalar("cpus", 500, "r"));
    expect(two).toHaveLength(2);
    expect(scalarOf(two, "cpus")).toBe(1_500);
    expect(contains(two, made(scalar("cpus", 1_500)))).toBe(false);
  });

  it("merges ranges that overlap or touch", () => {
    expect(format(made(ports([5, 6], [1, 2], [3, 3], [6, 9], [20, 20])))).toBe("ports:[1-3,5-9,20-20]");
  });

  it("makes sets of items", () => {
    expect(format(made(zones("b", "a", "b")))).toBe("zones:{a,b}");
  });

  it("leaves out what is empty (trap 28)", () => {
    expect(isEmpty(made(scalar("cpus", 0), ports(), zones()))).toBe(true);
  });

  it.each<[string, ResourcePart[], string]>([
    ["no name", [scalar("", 1)], "the name is empty"],
    ["a long name", [scalar("x".repeat(256), 1)], "the name has more than 255 characters"],
    ["a fraction of a thousandth", [scalar("cpus", 0.5)], "not a whole number of thousandths"],
    ["not a number", [scalar("cpus", Number.NaN)], "not a whole number of thousandths"],
    ["a negative scalar", [scalar("cpus", -1)], "negative"],
    ["a huge scalar", [scalar("cpus", 1e12 + 1)], "exceeds 1000000000"],
    ["a sum that is too large", [scalar("cpus", 1e12), scalar("cpus", 1)], "exceeds 1000000000"],
    ["a range backwards", [ports([2, 1])], "the range 2-1 ends before it begins"],
    ["a range below zero", [ports([-1, 1])], "not within"],
    ["a range beyond exact numbers", [ports([1, Number.MAX_SAFE_INTEGER])], "not within"],
    [
      "too many ranges",
      [ports(...Array.from({ length: 10_001 }, (_v, i) => [2 * i, 2 * i] as [number, number]))],
      "more than 10000 ranges",
    ],
    [
      "too many items",
      [zones(...Array.from({ length: 10_001 }, (_v, i) => `z${i}`))],
      "more than 10000 items",
    ],
    ["two kinds", [scalar("ports", 1), ports([1, 2])], "is both scalar and ranges"],
    ["two kinds with metas", [scalar("ports", 1, "r"), ports([1, 2])], "is both scalar and ranges"],
    ["too many resources", Array.from({ length: 1_001 }, (_v, i) => scalar(`r${i}`, 1)), "more than 1000"],
  ])("refuses %s", (_what, parts, problem) => {
    const result = makeResources(parts);
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? "" : result.error).toContain(problem);
  });

  it("takes many parts of one name", () => {
    const parts = Array.from({ length: 100_000 }, (_v, i) => ports([i, i]));
    expect(format(made(...parts))).toBe("ports:[0-99999]");
  });
});

describe("arithmetic", () => {
  it("has no surprises of floating point: 0.1 + 0.2 - 0.3 is nothing", () => {
    const sumOfBoth = add(res("cpus:0.1"), res("cpus:0.2"));
    expect(equal(sumOfBoth, res("cpus:0.3"))).toBe(true);
    expect(subtract(sumOfBoth, res("cpus:0.3"))).toEqual([]);
  });

  it("adds, contains and subtracts name by name", () => {
    const all = res("cpus:2;mem:1024;ports:[1-10];zones:{a,b}");
    const some = res("cpus:0.5;ports:[3-4];zones:{b}");
    expect(contains(all, some)).toBe(true);
    expect(contains(some, all)).toBe(false);
    expect(format(subtract(all, some))).toBe("cpus:1.5; mem:1024; ports:[1-2,5-10]; zones:{a}");
    expect(equal(add(subtract(all, some), some), all)).toBe(true);
    expect(equal(sum([some, subtract(all, some)]), all)).toBe(true);
  });

  it("asserts containment when it subtracts, and stops at nothing when it takes away", () => {
    expect(() => subtract(res("cpus:1"), res("cpus:2"))).toThrow(InvariantError);
    expect(() => subtract(res("cpus:1"), res("gpus:1"))).toThrow(InvariantError);
    expect(format(without(res("cpus:1;mem:5"), res("cpus:2;gpus:1;mem:1")))).toBe("mem:4");
  });

  it("holds every resource in itself, and nothing in everything", () => {
    expect(contains(res("cpus:1"), NO_RESOURCES)).toBe(true);
    expect(contains(NO_RESOURCES, res("cpus:1"))).toBe(false);
  });

  it("does not mix kinds", () => {
    expect(contains(res("x:1"), res("x:{a}"))).toBe(false);
    expect(() => add(res("x:1"), res("x:{a}"))).toThrow(InvariantError);
    expect(without(res("x:1"), res("x:{a}"))).toEqual([]);
  });
});

describe("toMillis", () => {
  it.each([
    [0, 0],
    [-0, 0],
    [0.1 + 0.2, 300],
    [0.09999, 100],
    [0.0004, 0],
    [0.0005, 1],
    [1.9995, 2_000],
    [4096, 4_096_000],
  ])("rounds %d to 3 decimals", (units, millis) => {
    expect(toMillis(units)).toEqual({ ok: true, value: millis });
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e10])("refuses %d", (units) => {
    expect(toMillis(units).ok).toBe(false);
  });
});
