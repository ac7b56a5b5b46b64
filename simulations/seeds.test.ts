// Seeds that have failed once come right for ever; and a few that nobody has run before.
import { describe, expect, test } from "vitest";
import { type Report, runSeed } from "./soak/run.ts";
import { keptSeeds } from "./soak/seed-files.ts";

/** New seeds are begun until this time is over. */
const RANDOM_MS = 8_000;
const RANDOM_RUNS_MAX = 40;

function explain({ seed, ticks, failure }: Report): string {
  return `${failure?.checker}: ${failure?.message}\nnpm run sim -- --seed ${seed} --ticks ${ticks}`;
}

describe("seeds that have failed once", () => {
  test("there are some", () => {
    expect(keptSeeds().length).toBeGreaterThan(0);
  });

  test.each(keptSeeds())("$seed: $checker: $message", async ({ seed, ticks }) => {
    const report = await runSeed({ seed, ticks });
    expect(report.failure, explain(report)).toBeNull();
  });
});

const first = Math.floor(Math.random() * 0x1_0000_0000);

test(`new seeds from ${first}`, async () => {
  const startedMs = performance.now();
  for (let i = 0; i < RANDOM_RUNS_MAX && performance.now() - startedMs < RANDOM_MS; i++) {
    const report = await runSeed({ seed: String(first + i), ticks: 1_000 });
    expect(report.failure, explain(report)).toBeNull();
  }
});
