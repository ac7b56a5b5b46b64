// Resource arithmetic against a naive one: scalars as bigint, ranges and sets as sets of single things.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  add,
  contains,
  equal,
  makeResources,
  type Resources,
  scalarOf,
  subtract,
  sum,
  without,
} from "../../../src/allocator/index.ts";
import { overlap } from "../../../src/allocator/resources.ts";
import { arbitraryResources } from "./arbitrary.ts";

interface Naive {
  readonly scalars: Map<string, bigint>;
  readonly things: Set<string>;
}

function naive(resources: Resources): Naive {
  const scalars = new Map<string, bigint>();
  const things = new Set<string>();
  for (const { name, meta, value } of resources) {
    const key = `${name}/${meta}`;
    if (value.kind === "scalar") scalars.set(key, BigInt(value.millis));
    if (value.kind === "set") for (const item of value.items) things.add(`${key}/${item}`);
    if (value.kind !== "ranges") continue;
    for (const { begin, end } of value.ranges) for (let n = begin; n <= end; n++) things.add(`${key}/${n}`);
  }
  return { scalars, things };
}

function naiveAdd(a: Naive, b: Naive): Naive {
  const scalars = new Map(a.scalars);
  for (const [key, value] of b.scalars) scalars.set(key, (scalars.get(key) ?? 0n) + value);
  return { scalars, things: new Set([...a.things, ...b.things]) };
}

function naiveWithout(a: Naive, b: Naive): Naive {
  const scalars = new Map<string, bigint>();
  for (const [key, value] of a.scalars) {
    const rest = value - (b.scalars.get(key) ?? 0n);
    if (rest > 0n) scalars.set(key, rest);
  }
  return { scalars, things: new Set([...a.things].filter((thing) => !b.things.has(thing))) };
}

function naiveContains(a: Naive, b: Naive): boolean {
  const scalars = [...b.scalars].every(([key, value]) => (a.scalars.get(key) ?? 0n) >= value);
  return scalars && [...b.things].every((thing) => a.things.has(thing));
}

/** The one canonical form: equal resources are deeply equal. */
function expectCanonical(resources: Resources): void {
  expect(makeResources(resources)).toEqual({ ok: true, value: resources });
}

const any = arbitraryResources(["", "", "reserved"]);

describe("resource arithmetic equals the naive one", () => {
  it("add", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(naive(add(a, b))).toEqual(naiveAdd(naive(a), naive(b)));
        expectCanonical(add(a, b));
        expect(add(a, b)).toEqual(add(b, a));
        expect(makeResources([...a, ...b])).toEqual({ ok: true, value: add(a, b) });
      }),
    );
  });

  it("without and subtract", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(naive(without(a, b))).toEqual(naiveWithout(naive(a), naive(b)));
        expectCanonical(without(a, b));
        if (contains(a, b)) expect(subtract(a, b)).toEqual(without(a, b));
        else expect(() => subtract(a, b)).toThrow("not contained");
      }),
    );
  });

  it("contains and equal", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(contains(a, b)).toBe(naiveContains(naive(a), naive(b)));
        expect(contains(add(a, b), b)).toBe(true);
        expect(equal(a, b)).toBe(contains(a, b) && contains(b, a));
        expect(equal(a, structuredClone(a))).toBe(true);
      }),
    );
  });

  it("overlap", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        const shared = [...naive(b).things].some((thing) => naive(a).things.has(thing));
        expect(overlap(a, b)).toBe(shared);
      }),
    );
  });

  it("sum and scalarOf", () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), (all) => {
        const cpus = all.map((resources) => scalarOf(resources, "cpus"));
        expect(scalarOf(sum(all), "cpus")).toBe(cpus.reduce((a, b) => a + b, 0));
        expectCanonical(sum(all));
      }),
    );
  });

  it("changes neither of its arguments", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        const before = structuredClone([a, b]);
        add(a, b);
        without(a, b);
        contains(a, b);
        expect([a, b]).toEqual(before);
      }),
    );
  });
});
