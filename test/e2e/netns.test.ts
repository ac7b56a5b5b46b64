// The second level of the simulation: real processes on a network whose packets are really lost; the short form of
// `npm run chaos`. What a machine does not permit is said, with the reason, in the name of a test that fails as soon as
// the reason is gone.
import { expect, test } from "vitest";
import { problemOf } from "../netns/commands.ts";
import { FAULTS, possibleFaults } from "../netns/faults.ts";
import { detectPermits } from "../netns/permits.ts";
import { runChaos } from "../netns/run.ts";

const SEED = 1;
/** A minute where the machine has nothing else to do. Milliseconds. */
const TIMEOUT_MS = 600_000;
const permits = await detectPermits();
const short = FAULTS.filter(({ long }) => long !== true);
const possible =
  permits.network === null ? possibleFaults(permits).filter((fault) => short.includes(fault)) : [];

if (permits.network === null) {
  test(
    `${possible.length} of ${short.length} kinds of faults: what clients saw has an order, nothing is lost`,
    async () => {
      const say = (line: string) => void process.stdout.write(`${line}\n`);
      const findings = await runChaos({ seed: SEED, permits, faults: possible, onStep: say });
      say(JSON.stringify(findings));
      expect(findings.operations).toBeGreaterThan(100);
      expect(findings.tasks).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
} else {
  test(`no network of our own on this machine: ${permits.network}`, async () => {
    const namespace = `tepui-try-${process.pid}-again`;
    const problems = [
      await problemOf("ip", ["netns", "add", namespace]),
      await problemOf("ip", ["netns", "del", namespace]),
      await problemOf("nft", ["list", "tables"]),
    ];
    expect(problems.filter((problem) => problem !== null)).not.toEqual([]);
  });
}

for (const { name, needs } of short) {
  const reason = needs === undefined ? null : permits[needs];
  if (needs === undefined || reason === null) continue;
  test(`not on this machine: ${name} (${reason})`, async () => {
    expect((await detectPermits())[needs]).not.toBe(null);
  });
}
