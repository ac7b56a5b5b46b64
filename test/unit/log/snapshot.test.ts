// Snapshots: whole or not there, the newest two kept, readable in order and at random, every byte checked.
import { describe, expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import type { Log } from "../../../src/log/index.ts";
import { LogDamage } from "../../../src/log/index.ts";
import { entries, entry, Machine, point, stateAt } from "./fixture.ts";

function snapshots(machine: Machine): string[] {
  return machine.sim.paths().filter((path) => path.endsWith(".snap"));
}

async function logWith(machine: Machine, last: number): Promise<Log> {
  const { log } = await machine.open();
  await machine.run(log.append({ entries: entries(1, last) }));
  return log;
}

async function content(machine: Machine, log: Log): Promise<number[]> {
  const reader = await machine.run(log.readSnapshot());
  const all: number[] = [];
  const read = (async () => {
    for await (const chunk of reader?.chunks() ?? []) all.push(...chunk);
  })();
  await machine.run(read);
  if (reader !== undefined) await machine.run(reader.close());
  return all;
}

describe("a snapshot", () => {
  it.each([0, 1, 99, 100, 101, 1000])("of %i bytes comes back after a crash", async (bytes) => {
    const machine = new Machine(bytes);
    const log = await logWith(machine, 5);
    const state = stateAt(point(4), bytes);
    const meta = await machine.run(log.writeSnapshot(point(4), [state.subarray(0, 33), state.subarray(33)]));
    expect(meta).toEqual({ ...point(4), bytes });
    machine.sim.crash();
    const opened = await machine.open();
    expect(opened.snapshot).toEqual(meta);
    expect(await content(machine, opened.log)).toEqual([...state]);
  });

  it("can be read at random", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    const state = stateAt(point(5), 730);
    await machine.run(log.writeSnapshot(point(5), [state]));
    const reader = await machine.run(log.readSnapshot());
    for (const [offset, length] of [
      [0, 730],
      [0, 1],
      [99, 2],
      [250, 300],
      [700, 500],
      [730, 10],
      [900, 10],
    ] as const) {
      const read = await machine.run(reader?.read(offset, length) ?? Promise.reject(new Error("none")));
      expect([...read]).toEqual([...state.subarray(offset, offset + length)]);
    }
  });

  it("can be read to its end though newer ones replace it", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    await machine.run(log.writeSnapshot(point(1), [stateAt(point(1), 400)]));
    const reader = await machine.run(log.readSnapshot());
    for (const index of [2, 3, 4])
      await machine.run(log.writeSnapshot(point(index), [stateAt(point(index))]));
    expect(snapshots(machine).length).toBe(2);
    const read = await machine.run(reader?.read(0, 400) ?? Promise.reject(new Error("none")));
    expect([...read]).toEqual([...stateAt(point(1), 400)]);
  });

  it("leaves nothing behind if its source fails, and the log goes on", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield stateAt(point(5));
      throw new Error("source");
    }
    await expect(machine.run(log.writeSnapshot(point(5), broken()))).rejects.toThrow("source");
    expect(machine.sim.paths().filter((path) => path.includes(".snap"))).toEqual([]);
    await machine.run(log.append({ entries: [entry(6)] }));
  });

  it("that was interrupted is removed by the next start", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    const sink = await machine.run(log.beginSnapshotReceive(point(5)));
    await machine.run(sink.write(0, stateAt(point(5))));
    machine.sim.kill();
    const opened = await machine.open();
    expect(opened.snapshot).toBeUndefined();
    expect(machine.sim.paths().filter((path) => path.includes(".snap"))).toEqual([]);
  });
});

describe("a snapshot received from a leader", () => {
  it("takes chunks in order, passes over repeated ones and ignores gaps", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    const state = stateAt(point(70, 3), 500);
    const sink = await machine.run(log.beginSnapshotReceive(point(70, 3)));
    expect(await machine.run(sink.write(0, state.subarray(0, 200)))).toBe(200);
    expect(await machine.run(sink.write(300, state.subarray(300)))).toBe(200);
    expect(await machine.run(sink.write(0, state.subarray(0, 200)))).toBe(200);
    expect(await machine.run(sink.write(150, state.subarray(150)))).toBe(500);
    await machine.run(sink.finish());
    await machine.run(log.resetTo(point(70, 3)));
    expect(await content(machine, log)).toEqual([...state]);
    expect(log.lastIndex).toBe(70);
  });

  it("can be given up", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 2);
    const sink = await machine.run(log.beginSnapshotReceive(point(9)));
    await machine.run(sink.abort());
    expect(machine.sim.paths().filter((path) => path.includes(".snap"))).toEqual([]);
    expect(log.snapshot).toBeUndefined();
  });
});

describe("a damaged snapshot", () => {
  it("is never given out, whichever bit is flipped", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    await machine.run(log.writeSnapshot(point(4), [stateAt(point(4))]));
    await machine.run(log.close());
    const path = snapshots(machine)[0] as string;
    for (let at = 0; at < machine.bytesOf(path).length; at++) {
      machine.sim.corrupt(path, at, 1 << (at % 8));
      const opened = await machine.open();
      expect(opened.snapshot, `byte ${at}`).toBeUndefined();
      expect(opened.repaired).toMatchObject([{ kind: "snapshotSkipped", file: path }]);
      machine.sim.corrupt(path, at, 1 << (at % 8));
    }
  });

  it("is passed over for an older one if the entries since are there, else refused", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    for (const index of [2, 4]) await machine.run(log.writeSnapshot(point(index), [stateAt(point(index))]));
    machine.sim.corrupt(snapshots(machine)[1] as string, 100, 1);
    const opened = await machine.open();
    expect(opened.snapshot?.index).toBe(2);
    expect(opened.entries.at(-1)?.index).toBe(5);
    await machine.run(opened.log.writeSnapshot(point(60), [stateAt(point(60))]));
    await machine.run(opened.log.resetTo(point(60)));
    machine.sim.corrupt(snapshots(machine).at(-1) as string, 100, 1);
    await expect(machine.open()).rejects.toBeInstanceOf(LogDamage);
  });

  it("found while it is read rejects the read", async () => {
    const machine = new Machine();
    const log = await logWith(machine, 5);
    await machine.run(log.writeSnapshot(point(4), [stateAt(point(4))]));
    const reader = await machine.run(log.readSnapshot());
    machine.sim.corrupt(snapshots(machine)[0] as string, 200, 1);
    const read = reader?.read(0, 250) ?? Promise.resolve(new Uint8Array());
    await expect(machine.run(read)).rejects.toBeInstanceOf(LogDamage);
    await machine.run(log.append({ entries: [entry(6)] }));
    expect(log.lastIndex).toBe(asIndex(6));
  });
});
