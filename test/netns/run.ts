// One run of a lab: start, faults one after the other, stop, checks; and nothing left behind, however it ends.

import { checkAll, type Findings } from "./checks.ts";
import type { Fault } from "./faults.ts";
import { startLab } from "./lab.ts";
import { removeLeftovers, removeOwn } from "./leftovers.ts";
import type { Permits } from "./permits.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly permits: Permits;
  /** In this order; each is over before the next begins. */
  readonly faults: Iterable<Fault>;
  readonly onStep?: (line: string) => void;
}

export interface ChaosResult {
  readonly findings: Findings;
  /** What was done and how long it took. */
  readonly log: readonly string[];
}

/** @throws Error that says which fault or check failed; the lab's folder is kept then if TEPUI_TEST_KEEP=1 */
export async function runChaos({ seed, permits, faults, onStep }: ChaosOptions): Promise<ChaosResult> {
  const log: string[] = [];
  const step = async <Value>(name: string, action: () => Promise<Value>): Promise<Value> => {
    const started = performance.now();
    const value = await action();
    log.push(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${name}`);
    onStep?.(log.at(-1) ?? "");
    return value;
  };
  await removeLeftovers();
  try {
    const lab = await step("start", () => startLab(seed, permits));
    for (const fault of faults) await step(fault.name, () => fault.run(lab));
    const told = await step("finish", () => lab.finish());
    await step("stop", async () => {
      await lab.allCaughtUp();
      await lab.stop();
    });
    const findings = await step("checks", () => checkAll(lab.folder, told.clients, told.job));
    return { findings, log };
  } finally {
    await removeOwn();
  }
}
