// Runs of members alone: seeds old and new come right, the same seed is the same run, and the quick check of registers
// agrees with the general search.
import { describe, expect, test } from "vitest";
import { below, between, chance, seededRandom } from "../../src/kernel/random.ts";
import { checkLinearizable, type Operation } from "../checkers/linearizability.ts";
import { type RegisterInput, registerModel } from "../checkers/linearizability-models.ts";
import { findDisorder } from "../checkers/register-zones.ts";
import { raftSwarm } from "./options.ts";
import { type RaftRunResult, RaftWorld } from "./world.ts";

/** Seeds with many kinds of fault: changes of membership, leases, slow disks, short segments. */
const FIXED_SEEDS = ["2", "9", "24", "40", "75"];
const RANDOM_RUNS = 5;
const TICKS = 1_500;

async function run(seed: string): Promise<RaftRunResult> {
  return new RaftWorld(raftSwarm(seed, TICKS)).run();
}

function explain(seed: string, { failure, tick }: RaftRunResult): string {
  const rerun = `npm run sim -- --world raft --seed ${seed} --ticks ${TICKS}`;
  if (failure === null) return rerun;
  return `${failure.checker}: ${failure.message} ${JSON.stringify(failure.facts)}, tick ${tick}\n${rerun}`;
}

describe("members alone", () => {
  const first = Math.floor(Math.random() * 0x1_0000_0000);
  const seeds = Array.from({ length: RANDOM_RUNS }, (_, i) => String(first + i));
  test.each([...FIXED_SEEDS, ...seeds])("seed %s comes right", async (seed) => {
    const result = await run(seed);
    expect(result.failure, explain(seed, result)).toBeNull();
    expect(result.counts.committed).toBeGreaterThan(0);
  });

  test("two runs of a seed are the same to the last event", async () => {
    expect(await run("7")).toEqual(await run("7"));
  });
});

type Step = Operation<RegisterInput<number>, number | null>;

/** Overlapping operations of a few clients on one register; what reads return is drawn, and is right now and then. */
function drawHistory(seed: number): readonly Step[] {
  const random = seededRandom(`history ${seed}`);
  let value = 0;
  return Array.from({ length: between(random, 2, 7) }, (_, i) => {
    const callAt = 3 * i;
    const returnAt = callAt + between(random, 1, 9);
    const isWrite = chance(random, 1 / 2);
    const input: Step["input"] = isWrite ? { kind: "write", value: ++value } : { kind: "read" };
    const read = below(random, value + 1);
    const output = isWrite || read === 0 ? null : read;
    const answer = chance(random, 1 / 8) ? null : { output, returnAt };
    return { client: `c${i}`, key: "k", input, callAt, answer };
  });
}

describe("the check of registers by spans", () => {
  test("finds disorder exactly where the search finds no order", () => {
    let disorders = 0;
    for (let seed = 0; seed < 3_000; seed++) {
      const history = drawHistory(seed);
      const { ok } = checkLinearizable(registerModel(), history);
      expect(findDisorder(history) === null, JSON.stringify(history)).toBe(ok === true);
      if (ok === false) disorders += 1;
    }
    expect(disorders).toBeGreaterThan(100);
    expect(disorders).toBeLessThan(2_900);
  });
});
