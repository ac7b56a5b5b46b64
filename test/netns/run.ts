// One run of a lab: start, faults one after the other, stop, checks; and nothing left behind, however it ends.

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { checkAll, type Findings } from "./checks.ts";
import { problemOf } from "./commands.ts";
import type { Fault } from "./faults.ts";
import { startLab } from "./lab.ts";
import { removeLeftovers, removeOwn } from "./leftovers.ts";
import type { Permits } from "./permits.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly permits: Permits;
  /** In this order; each is over before the next begins. */
  readonly faults: Iterable<Fault>;
  /** What was done and how long it took. */
  readonly onStep: (line: string) => void;
}

/** @throws Error that says which fault or check failed; with TEPUI_TEST_KEEP=1 a copy of the lab's folder stays */
export async function runChaos({ seed, permits, faults, onStep }: ChaosOptions): Promise<Findings> {
  const step = async <Value>(name: string, action: () => Promise<Value>): Promise<Value> => {
    const started = performance.now();
    const value = await action();
    onStep(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${name}`);
    return value;
  };
  let folder: string | null = null;
  await removeLeftovers();
  try {
    const lab = await step("start", () => startLab(seed, permits));
    folder = lab.folder;
    for (const fault of faults) await step(fault.name, () => fault.run(lab));
    const told = await step("finish", () => lab.finish());
    await step("stop", async () => {
      await lab.allCaughtUp();
      await lab.stop();
    });
    return await step("checks", () => checkAll(lab.folder, told.clients, told.job));
  } catch (error) {
    if (folder !== null && process.env.TEPUI_TEST_KEEP === "1") await keep(folder);
    throw error;
  } finally {
    await removeOwn();
  }
}

/** Logs of members and what masters have on their disks, which are gone with the lab. What vanishes meanwhile is left out. */
async function keep(folder: string): Promise<void> {
  const kept = folder.replace("tepui-lab-", "tepui-kept-");
  await mkdir(kept);
  for (const name of (await readdir(folder)).filter((each) => !each.endsWith(".ext4")))
    await problemOf("cp", ["--archive", join(folder, name), kept]);
  process.stderr.write(`The lab's folder is kept in ${kept}\n`);
}
