// The name of the group that a log belongs to: known also when the log itself is damaged or gone.
import { describe, expect, it } from "vitest";
import { LogDamage } from "../../../src/log/index.ts";
import { entries, Machine, vote } from "./fixture.ts";

const ONE = "1".repeat(32);
const TWO = "2".repeat(32);

async function written(machine: Machine, ...names: string[]): Promise<void> {
  const { log } = await machine.open();
  await machine.run(log.append({ hardState: vote(1, "m1"), entries: entries(1, 20) }));
  for (const name of names) await machine.run(log.writeGroup(name));
  await machine.run(log.close());
}

describe("the group of a log", () => {
  it("is what was written last", async () => {
    const machine = new Machine();
    expect((await machine.open()).group).toBeUndefined();
    await written(new Machine());
    const other = new Machine();
    await written(other, ONE, TWO);
    expect((await other.open()).group).toBe(TWO);
  });

  it("is the one before or the one after a crash at any moment", async () => {
    const seen = new Set<string | undefined>();
    for (let steps = 0; steps < 20; steps++) {
      const machine = new Machine(steps, { latencyMs: { low: 1, high: 2 } });
      const { log } = await machine.open();
      await machine.run(log.writeGroup(ONE));
      log.writeGroup(TWO).catch(() => undefined);
      for (let step = 0; step < steps; step++) await machine.clock.step();
      machine.sim.crash();
      seen.add((await machine.open()).group);
    }
    expect(seen).toEqual(new Set([ONE, TWO]));
  });

  it("is known of a log that is damaged", async () => {
    const machine = new Machine();
    await written(machine, ONE);
    const [segment] = machine.segments();
    machine.sim.corrupt(segment as string, 600, 1);
    const opened = await machine.open("cut");
    expect([opened.hardState.healing, opened.group]).toEqual([true, ONE]);
  });

  it("makes an empty folder one that has lost everything", async () => {
    const machine = new Machine();
    await written(machine, ONE);
    const disk = machine.sim.mount();
    for (const path of machine.sim.paths().filter((each) => !each.endsWith("/group")))
      await machine.run(disk.remove(path));
    await expect(machine.open("cut")).rejects.toThrow(LogDamage);
    await expect(machine.open()).rejects.toThrow(/belongs to group 1111/);
  });

  it("that cannot be read is not known, and harms nothing", async () => {
    for (const at of [0, 8, 9, 10, 200, 510]) {
      const machine = new Machine();
      await written(machine, ONE);
      machine.sim.corrupt("log/group", at, 4);
      const opened = await machine.open();
      expect([opened.group, opened.log.lastIndex, opened.repaired]).toEqual([undefined, 20, []]);
    }
    const machine = new Machine();
    await written(machine, ONE);
    machine.sim.failNext("read", "log/group");
    expect((await machine.open()).group).toBeUndefined();
  });
});
