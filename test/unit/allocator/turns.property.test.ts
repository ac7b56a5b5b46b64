// A list kept in blocks against a sorted list.
import fc from "fast-check";
import { expect, it } from "vitest";
import { Turns } from "../../../src/allocator/turns.ts";

interface Member {
  readonly id: number;
  key: number;
}

const compare = (a: Member, b: Member): number => a.key - b.key || a.id - b.id;

const members = fc
  .array(fc.nat({ max: 20 }), { maxLength: 400 })
  .map((keys) => keys.map((key, id) => ({ id, key })).sort(compare));
const moves = fc.array(fc.record({ passed: fc.nat({ max: 5 }), by: fc.nat({ max: 30 }) }), {
  maxLength: 300,
});

it("the first that is taken comes behind all that now come before it", () => {
  fc.assert(
    fc.property(members, moves, (list, all) => {
      const sorted = list.map((each) => ({ ...each }));
      const turns = new Turns(list, compare);
      for (const { passed, by } of all) {
        let asked = 0;
        const taken = turns.first((each) => {
          if (asked++ < passed) return null;
          each.key += by;
          return each.id;
        });
        const expected = sorted[passed];
        if (expected !== undefined) expected.key += by;
        expect(taken).toBe(expected?.id ?? null);
        sorted.sort(compare);
        expect([...turns]).toEqual(sorted);
      }
    }),
    { numRuns: 60 },
  );
});
