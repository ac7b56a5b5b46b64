// The mutants: each can still be put in, each of the 26 bugs is spoken of, and a few are really hunted, with the seeds
// that found them before. All of them are hunted by `npm run sim:mutants`.
import { describe, expect, test } from "vitest";
import { checkApplies } from "./applies.ts";
import { IMPOSSIBLE, MUTANTS } from "./catalogue.ts";
import { hunt } from "./hunting.ts";
import { bugOf, edited } from "./mutant.ts";

const BUGS = 26;
/** Of promises, membership, reads, replication and the disk. */
const HUNTED = ["3a", "4a", "6a", "9a", "17a"];
const BUDGET_S = 30;

describe("mutants", () => {
  test("speak of every bug", () => {
    const spoken = new Set([...MUTANTS.map(bugOf), ...IMPOSSIBLE.map(({ bug }) => bug)]);
    expect([...spoken].sort((a, b) => a - b)).toEqual(Array.from({ length: BUGS }, (_, i) => i + 1));
  });

  test("have names of their own", () => {
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
  });

  test.each(MUTANTS)("$id can be put in: $why", (mutant) => {
    checkApplies(mutant);
  });

  test("cannot be put in where their text is not, or not once", () => {
    const edit = { file: "a.ts", old: "one", new: "two" };
    expect(() => edited("a.ts", "three", [edit])).toThrow("0 times");
    expect(() => edited("a.ts", "one one", [edit])).toThrow("2 times");
    expect(edited("a.ts", "one", [edit])).toBe("two");
    expect(edited("b.ts", "one", [edit])).toBe("one");
  });

  test.each(MUTANTS.filter(({ id }) => HUNTED.includes(id)))("$id is found", async (mutant) => {
    const outcome = await hunt(mutant, BUDGET_S);
    expect(outcome.kind).toBe("found");
  });
});
