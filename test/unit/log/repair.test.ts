// Damage with peers to make it good: what follows the place is put aside, the member is marked as healing before that,
// and its vote is never lost to one bad sector.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asTerm } from "../../../src/kernel/ids.ts";
import type { OpenedLog } from "../../../src/log/index.ts";
import { crc32c, LogDamage, openLog } from "../../../src/log/index.ts";
import { directory, entries, entry, Machine, plain, point, smallLimits, stateAt, vote } from "./fixture.ts";

/** Several segments, a snapshot of the first entries, a vote; killed after the last acknowledgement. */
async function filled(last = 23): Promise<Machine> {
  const machine = new Machine("filled");
  const { log } = await machine.open();
  await machine.run(log.append({ hardState: vote(1, "a") }));
  for (let index = 1; index <= last; index++)
    await machine.run(log.append({ entries: [entry(index, 1, index % 3 === 0 ? 900 : 60)] }));
  await machine.run(log.writeSnapshot(point(4), [stateAt(point(4))]));
  await machine.run(log.append({ hardState: vote(3, "b") }));
  machine.sim.kill();
  return machine;
}

async function refused(machine: Machine): Promise<LogDamage | undefined> {
  try {
    await machine.open();
    return undefined;
  } catch (error) {
    if (error instanceof LogDamage) return error;
    throw error;
  }
}

function setAside(machine: Machine): string[] {
  return machine.sim.paths().filter((path) => path.endsWith(".damaged"));
}

/** Entries from the first on, each with the content it was given. */
function isPrefix(opened: OpenedLog): boolean {
  return opened.entries.every((each, at) => {
    const written = entry(at + 1, 1, (at + 1) % 3 === 0 ? 900 : 60);
    return JSON.stringify(plain([each])) === JSON.stringify(plain([written]));
  });
}

describe("damage in the middle", () => {
  it("is refused unless the caller has peers", async () => {
    const machine = await filled();
    machine.sim.corrupt(machine.segments()[1] as string, 1300, 8);
    const before = machine.sim.paths().map((path) => [path, [...machine.bytesOf(path)]]);
    expect(await refused(machine)).toBeInstanceOf(LogDamage);
    expect(machine.sim.paths().map((path) => [path, [...machine.bytesOf(path)]])).toEqual(before);
  });

  it("is cut: the entries before it stay, the vote stays, the member heals", async () => {
    const machine = await filled();
    const [, second] = machine.segments();
    machine.sim.corrupt(second as string, 1300, 8);
    const opened = await machine.open("cut");
    expect(opened.hardState).toEqual(vote(3, "b", true));
    expect(opened.entries.length).toBeGreaterThan(4);
    expect(opened.entries.length).toBeLessThan(23);
    expect(isPrefix(opened)).toBe(true);
    expect(opened.repaired[0]).toMatchObject({ kind: "damageCut", file: second });
    expect(setAside(machine).length).toBeGreaterThan(1);
  });

  it("is healed by what a leader sends, until Raft says that it is over", async () => {
    const machine = await filled();
    machine.sim.corrupt(machine.segments()[1] as string, 1300, 8);
    const { log } = await machine.open("cut");
    const next = log.lastIndex + 1;
    await machine.run(log.append({ entries: entries(next, 23, 3, 100) }));
    machine.sim.crash();
    const again = await machine.open();
    expect(again.hardState.healing).toBe(true);
    await machine.run(again.log.append({ hardState: { term: asTerm(4), votedFor: null } }));
    await machine.run(again.log.append({ hardState: vote(4, "c", false) }));
    machine.sim.crash();
    const healed = await machine.open();
    expect(healed.hardState).toEqual(vote(4, "c", false));
    expect(healed.entries.length).toBe(23);
  });

  it("asks the caller, who sees the entries before it and the snapshot", async () => {
    const machine = await filled();
    machine.sim.corrupt(machine.segments()[1] as string, 1300, 8);
    let seen: unknown;
    const opening = openLog({
      disk: machine.sim.mount(),
      directory,
      limits: smallLimits,
      repair: async ({ damage, entries: before, readSnapshot }) => {
        const reader = await readSnapshot();
        seen = [damage.file, before.length > 4, reader?.meta.index];
        await reader?.close();
        return "refuse";
      },
    });
    await expect(machine.run(opening)).rejects.toBeInstanceOf(LogDamage);
    expect(seen).toEqual([machine.segments()[1], true, 4]);
  });

  it("that takes a whole segment away is cut as well", async () => {
    const machine = await filled();
    const [first, second, third] = machine.segments();
    await machine.run(machine.sim.mount().remove(second as string));
    const opened = await machine.open("cut");
    expect(opened.hardState).toEqual(vote(3, "b", true));
    expect(isPrefix(opened)).toBe(true);
    expect(machine.segments()).toContain(first);
    expect(machine.segments()).not.toContain(third);
  });

  it("that takes the first segment away goes back to the snapshot", async () => {
    const machine = await filled();
    await machine.run(machine.sim.mount().remove(machine.segments()[0] as string));
    const opened = await machine.open("cut");
    expect(opened.hardState).toEqual(vote(3, "b", true));
    expect(opened.entries).toEqual([]);
    expect(opened.log.lastIndex).toBe(4);
    await machine.run(opened.log.append({ entries: [entry(5, 3)] }));
    machine.sim.crash();
    expect(plain((await machine.open()).entries)).toEqual(plain([entry(5, 3)]));
  });

  it("keeps no more of what was put aside than the limit says", async () => {
    const machine = await filled();
    for (let round = 0; round < 12; round++) {
      machine.sim.corrupt(machine.segments()[0] as string, 520, 1);
      await machine.open("cut");
      machine.sim.kill();
    }
    expect(setAside(machine).length).toBeLessThanOrEqual(16);
  });
});

describe("a damaged snapshot", () => {
  it("without which the entries lead nowhere makes the member begin again, healing", async () => {
    const machine = await filled();
    const { log } = await machine.open();
    await machine.run(log.writeSnapshot(point(20), [stateAt(point(20))]));
    await machine.run(log.writeSnapshot(point(21), [stateAt(point(21))]));
    await machine.run(log.compact(point(20).index));
    machine.sim.kill();
    const snapshots = machine.sim.paths().filter((path) => path.endsWith(".snap"));
    for (const path of snapshots) machine.sim.corrupt(path, 100, 1);
    expect(await refused(machine)).toBeInstanceOf(LogDamage);
    const opened = await machine.open("cut");
    expect(opened).toMatchObject({ hardState: vote(3, "b", true), snapshot: undefined, entries: [] });
    expect(opened.log.lastIndex).toBe(0);
  });

  it("is passed over for an older one that the log goes on from", async () => {
    const machine = await filled();
    const { log } = await machine.open();
    await machine.run(log.writeSnapshot(point(9), [stateAt(point(9))]));
    machine.sim.kill();
    const newest = machine.sim.paths().findLast((path) => path.endsWith(".snap")) as string;
    machine.sim.corrupt(newest, 100, 1);
    const opened = await machine.open();
    expect(opened.hardState.healing).toBe(false);
    expect(opened.snapshot?.index).toBe(4);
    expect(opened.entries.length).toBe(23);
    expect(setAside(machine).length).toBe(1);
  });
});

describe("the hard state", () => {
  const file = `${directory}/hard-state`;

  it("survives damage of any one sector of its file and of the log's newest record of it", async () => {
    for (const at of [20, 4096 + 20]) {
      const machine = await filled();
      machine.sim.corrupt(file, at, 4);
      const opened = await machine.open();
      expect(opened.hardState, `slot at ${at}`).toEqual(vote(3, "b"));
    }
    const machine = await filled();
    const newest = machine.segments().at(-1) as string;
    machine.sim.corrupt(newest, machine.bytesOf(newest).length - 500, 4);
    expect((await machine.open("cut")).hardState).toEqual(vote(3, "b", true));
  });

  it("is made whole again by a start", async () => {
    const machine = await filled();
    machine.sim.corrupt(file, 20, 4);
    await machine.open();
    machine.sim.kill();
    machine.sim.corrupt(file, 4096 + 20, 4);
    expect((await machine.open()).hardState).toEqual(vote(3, "b"));
  });

  it("that is lost in both places is never guessed", async () => {
    const machine = await filled();
    const newest = machine.segments().at(-1) as string;
    machine.sim.corrupt(newest, machine.bytesOf(newest).length - 500, 4);
    machine.sim.corrupt(file, 20, 4);
    await expect(machine.open("cut")).rejects.toThrow(/must not come back under its name/);
    const salvaged = await machine.open("salvage");
    expect(salvaged.hardState.healing).toBe(true);
    expect(salvaged.entries.length).toBe(23);
  });

  it("of a newer version is refused, whatever else is there", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ hardState: vote(3, "b") }));
    await machine.run(log.close());
    const file = await machine.run(machine.sim.mount().open(`${directory}/hard-state`));
    for (const at of [0, 4096]) {
      const slot = await machine.run(file.read(at, 512));
      const view = new DataView(slot.buffer, slot.byteOffset, 512);
      view.setUint32(8, 2, true);
      view.setUint32(508, crc32c(slot, 0, 508), true);
      await machine.run(file.write(at, slot));
    }
    await machine.run(file.close());
    await expect(machine.open("salvage")).rejects.toThrow("version 2");
  });

  it("may be missing from a folder of the first format as long as the log is whole", async () => {
    const machine = await filled();
    await machine.run(machine.sim.mount().remove(file));
    expect((await machine.open()).hardState).toEqual(vote(3, "b"));
  });

  it("remembers what a segment that vanished held", async () => {
    const machine = await filled();
    for (const path of machine.segments()) await machine.run(machine.sim.mount().remove(path));
    expect(await refused(machine)).toBeInstanceOf(LogDamage);
    const opened = await machine.open("cut");
    expect(opened.hardState).toEqual(vote(3, "b", true));
    expect(opened.log.lastIndex).toBe(4);
  });
});

describe("a member whose disk rots in one place", () => {
  it("keeps its vote, and has every acknowledged entry or is healing", async () => {
    const places = fc.record({ file: fc.nat(), at: fc.nat(), bit: fc.nat(7), power: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(places, async ({ file, at, bit, power }) => {
        const machine = await filled(12);
        const paths = machine.sim.paths();
        const path = paths[file % paths.length] as string;
        machine.sim.corrupt(path, at % machine.bytesOf(path).length, 1 << bit);
        if (power) machine.sim.crash();
        const opened = await machine.open("cut");
        expect(opened.hardState).toMatchObject({ term: 3, votedFor: "b" });
        expect(opened.snapshot?.index === 4 || opened.entries.length > 0).toBe(true);
        expect(isPrefix(opened)).toBe(true);
        if (!opened.hardState.healing) expect(opened.entries.length).toBe(12);
        machine.sim.crash();
        const again = await machine.open();
        expect(again.hardState).toEqual(opened.hardState);
        expect(plain(again.entries)).toEqual(plain(opened.entries));
      }),
      { numRuns: 150 },
    );
  });

  it("is healing after a crash at any moment of the repair", async () => {
    const clean = await filled();
    const target = clean.segments()[1] as string;
    for (let steps = 0; ; steps++) {
      const machine = new Machine("filled", { latencyMs: { low: 1, high: 2 } });
      const { log } = await machine.open();
      await machine.run(log.append({ hardState: vote(1, "a") }));
      for (let index = 1; index <= 23; index++)
        await machine.run(log.append({ entries: [entry(index, 1, index % 3 === 0 ? 900 : 60)] }));
      machine.sim.corrupt(target, 1300, 8);
      machine.sim.kill();
      let ended = false;
      const opening = openLog({ disk: machine.sim.mount(), directory, limits: smallLimits, repair: "cut" });
      void opening.then(() => {
        ended = true;
      });
      for (let step = 0; step < steps && !ended; step++) await machine.clock.step();
      machine.sim.crash();
      const opened = await machine.open("cut");
      expect(opened.hardState, `after ${steps} steps`).toEqual(vote(1, "a", true));
      expect(isPrefix(opened)).toBe(true);
      if (ended) break;
    }
  });
});
