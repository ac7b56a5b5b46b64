// What the log promises to those who append, and what it does after a restart.
import { describe, expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { LogFailure } from "../../../src/log/index.ts";
import { entries, entry, Machine, plain, point, smallLimits, stateAt, vote } from "./fixture.ts";

describe("a new log", () => {
  it("is empty, with term 0 and no vote", async () => {
    const opened = await new Machine().open();
    expect(opened).toMatchObject({ hardState: vote(0), snapshot: undefined, entries: [], repaired: [] });
    expect(opened.log.lastIndex).toBe(0);
  });
});

describe("append", () => {
  it("gives back entries and hard state after a restart", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 3), hardState: vote(1, "a") }));
    await machine.run(log.append({ hardState: vote(2, "b") }));
    await machine.run(log.append({ entries: [entry(4, 2, 0)] }));
    machine.sim.crash();
    const opened = await machine.open();
    expect(plain(opened.entries)).toEqual(plain([...entries(1, 3), entry(4, 2, 0)]));
    expect(opened.hardState).toEqual(vote(2, "b"));
    expect(opened.repaired).toEqual([]);
    expect(opened.log.termAt(asIndex(4))).toBe(2);
  });

  it("copies the payload before it returns", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    const given = entry(1);
    const appended = log.append({ entries: [given] });
    given.payload.fill(0);
    await machine.run(appended);
    expect(plain((await machine.open()).entries)).toEqual(plain([entry(1)]));
  });

  it("replaces the end of the log, also when it began in an earlier segment", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    for (let index = 1; index <= 12; index++)
      await machine.run(log.append({ entries: [entry(index, 1, 1200)] }));
    expect(machine.segments().length).toBeGreaterThan(2);
    await machine.run(log.append({ entries: entries(3, 4, 2) }));
    const opened = await machine.open();
    expect(plain(opened.entries)).toEqual(plain([...entries(1, 2, 1, 1200), ...entries(3, 4, 2)]));
    expect(opened.log.lastIndex).toBe(4);
  });

  it("lets all that wait share one write and one sync", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    const before = machine.bytesOf(machine.segments()[0] as string).length;
    const both = Promise.all([log.append({ entries: [entry(1)] }), log.append({ entries: [entry(2)] })]);
    await machine.run(both);
    expect(machine.bytesOf(machine.segments()[0] as string).length).toBe(before + 512);
  });

  it("resolves only after the sync", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    machine.sim.stall();
    let done = false;
    const appended = log.append({ entries: [entry(1)] }).then(() => {
      done = true;
    });
    while (await machine.clock.step());
    expect(done).toBe(false);
    machine.sim.resume();
    await machine.run(appended);
    expect(done).toBe(true);
    expect(log.pendingBytes).toBe(0);
  });

  it("spreads what does not fit into one batch, in order", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 9, 1, 1400), hardState: vote(1) }));
    const opened = await machine.open();
    expect(plain(opened.entries)).toEqual(plain(entries(1, 9, 1, 1400)));
  });

  it("takes programmer errors for what they are", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 3, 2), hardState: vote(2, "a") }));
    await machine.run(log.writeSnapshot(point(2, 2), [stateAt(point(2, 2))]));
    const wrong = [
      { entries: [entry(5, 2)] },
      { entries: [entry(2, 3)] },
      { entries: [entry(4, 1)] },
      { entries: [entry(4, 2), entry(6, 2)] },
      { entries: [entry(4, 2, 1501)] },
      { hardState: vote(1) },
      { hardState: vote(2, "b") },
      { hardState: vote(3, "x".repeat(201)) },
    ];
    for (const request of wrong) expect(() => log.append(request)).toThrow();
    expect(log.lastIndex).toBe(3);
  });
});

describe("bounds in bytes", () => {
  it("no batch is larger than its limit, whatever is appended at once", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    const sizes: number[] = [];
    const all = Array.from({ length: 30 }, (_, at) => entry(at + 1, 1, 200 + 40 * at));
    await machine.run(log.append({ entries: all }));
    for (const path of machine.segments()) {
      const bytes = machine.bytesOf(path);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 512; at < bytes.length; at += Math.ceil(view.getUint32(at + 4, true) / 512) * 512)
        sizes.push(view.getUint32(at + 4, true));
      expect(bytes.length).toBeLessThanOrEqual(smallLimits.segmentBytesMax as number);
    }
    expect(sizes.length).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(smallLimits.batchBytesMax as number);
  });

  it("more than may wait for the disk is the caller's error, who can see how much waits", async () => {
    const machine = new Machine("pending", { syncLatencyMs: { low: 5, high: 5 } }, { pendingBytesMax: 4000 });
    const { log } = await machine.open();
    const first = log.append({ entries: [entry(1, 1, 1400), entry(2, 1, 1400)] });
    expect(log.pendingBytes).toBeGreaterThan(2800);
    expect(() => log.append({ entries: [entry(3, 1, 1400)] })).toThrow("not yet durable");
    await machine.run(first);
    expect(log.pendingBytes).toBe(0);
    await machine.run(log.append({ entries: [entry(3, 1, 1400)] }));
  });
});

describe("a closed log", () => {
  it("has made all durable and takes nothing more", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    const appended = log.append({ entries: [entry(1)] });
    await machine.run(log.close());
    await appended;
    await expect(log.append({ entries: [entry(2)] })).rejects.toBeInstanceOf(LogFailure);
    expect(plain((await machine.open()).entries)).toEqual(plain([entry(1)]));
  });
});

describe("a disk that fails", () => {
  it.each(["write", "sync"] as const)("ends the log at the first failed %s", async (operation) => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: [entry(1)] }));
    machine.sim.failNext(operation, ".log");
    const failed = log.append({ entries: [entry(2)] });
    await expect(machine.run(failed)).rejects.toBeInstanceOf(LogFailure);
    await expect(log.append({ entries: [entry(3)] })).rejects.toBeInstanceOf(LogFailure);
    await expect(machine.run(log.writeSnapshot(point(1), []))).rejects.toBeInstanceOf(LogFailure);
    machine.sim.crash();
    expect(plain((await machine.open()).entries).slice(0, 1)).toEqual(plain([entry(1)]));
  });

  it("makes durable what a failed sync left in the cache before it hands it out", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const machine = new Machine(seed);
      const { log } = await machine.open();
      machine.sim.failNext("sync", ".log");
      await expect(machine.run(log.append({ entries: [entry(1)] }))).rejects.toBeInstanceOf(LogFailure);
      machine.sim.kill();
      const handedOut = plain((await machine.open()).entries);
      machine.sim.crash();
      expect(plain((await machine.open()).entries)).toEqual(handedOut);
    }
  });

  it("stops on a full disk and goes on after a restart with room", async () => {
    const machine = new Machine("full", { capacityBytes: 3000 + 4608 });
    const { log } = await machine.open();
    await machine.run(log.append({ entries: [entry(1)] }));
    await expect(machine.run(log.append({ entries: [entry(2, 1, 1400)] }))).rejects.toThrow("ENOSPC");
    machine.sim.kill();
    machine.sim.setFaults({ capacityBytes: 100_000 });
    const opened = await machine.open();
    expect(plain(opened.entries)).toEqual(plain([entry(1)]));
    await machine.run(opened.log.append({ entries: [entry(2)] }));
    expect((await machine.open()).entries.length).toBe(2);
  });
});

describe("compact", () => {
  it("deletes whole segments below the index and keeps the hard state", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ hardState: vote(3, "member") }));
    for (let index = 1; index <= 20; index++)
      await machine.run(log.append({ entries: [entry(index, 3, 1200)] }));
    await machine.run(log.writeSnapshot(point(15, 3), [stateAt(point(15, 3))]));
    const before = machine.segments().length;
    await machine.run(log.compact(asIndex(13)));
    expect(machine.segments().length).toBeLessThan(before);
    machine.sim.crash();
    const opened = await machine.open();
    expect(opened.hardState).toEqual(vote(3, "member"));
    expect(opened.snapshot).toEqual({ ...point(15, 3), bytes: 250 });
    expect(opened.entries[0]?.index).toBeGreaterThan(1);
    expect(opened.entries[0]?.index).toBeLessThanOrEqual(13);
    expect(opened.entries.at(-1)?.index).toBe(20);
  });

  it("refuses to delete what no snapshot covers", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 3) }));
    expect(() => log.compact(asIndex(2))).toThrow("only what a snapshot covers");
  });
});

describe("resetTo", () => {
  it("drops entries that a leader's snapshot goes beyond", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    for (let index = 1; index <= 9; index++)
      await machine.run(log.append({ entries: [entry(index, 1, 1200)] }));
    await machine.run(log.writeSnapshot(point(50, 2), [stateAt(point(50, 2))]));
    expect(await machine.run(log.resetTo(point(50, 2)))).toEqual({ keptEntries: false });
    expect(machine.segments().length).toBe(1);
    await machine.run(log.append({ entries: [entry(51, 2)] }));
    machine.sim.crash();
    const opened = await machine.open();
    expect(plain(opened.entries)).toEqual(plain([entry(51, 2)]));
    expect(opened.log.termAt(asIndex(50))).toBe(2);
  });

  it("keeps the entries after a snapshot that the log agrees with", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 6, 2) }));
    await machine.run(log.writeSnapshot(point(4, 2), [stateAt(point(4, 2))]));
    expect(await machine.run(log.resetTo(point(4, 2)))).toEqual({ keptEntries: true });
    expect(log.lastIndex).toBe(6);
  });

  it("drops entries that conflict with the snapshot", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 6, 2) }));
    await machine.run(log.writeSnapshot(point(4, 3), [stateAt(point(4, 3))]));
    expect(await machine.run(log.resetTo(point(4, 3)))).toEqual({ keptEntries: false });
    expect(log.lastIndex).toBe(4);
    expect((await machine.open()).entries).toEqual([]);
  });

  it("may come after an append of a new leader below the snapshot that has arrived", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 6, 2) }));
    await machine.run(log.writeSnapshot(point(20, 3), [stateAt(point(20, 3))]));
    await machine.run(log.append({ entries: [entry(5, 4)] }));
    expect(log.lastIndex).toBe(5);
    await machine.run(log.resetTo(point(20, 3)));
    expect(() => log.append({ entries: [entry(20, 4)] })).toThrow("snapshot covers");
    await machine.run(log.append({ entries: [entry(21, 4)] }));
    machine.sim.crash();
    expect(plain((await machine.open()).entries)).toEqual(plain([entry(21, 4)]));
  });

  it("is done by the next start if the process ended before it", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 3) }));
    await machine.run(log.writeSnapshot(point(9, 2), [stateAt(point(9, 2))]));
    machine.sim.crash();
    const opened = await machine.open();
    expect(opened.repaired).toEqual([{ kind: "entriesDropped", snapshot: point(9, 2) }]);
    await machine.run(opened.log.append({ entries: [entry(10, 2)] }));
    expect(plain((await machine.open()).entries)).toEqual(plain([entry(10, 2)]));
  });
});
