// The device gives an error for what it should read: that place is damage like any other, and is healed like any other.
import { expect, test } from "vitest";
import type { Disk, DiskFile } from "../../../src/kernel/ports.ts";
import {
  LogDamage,
  LogFailure,
  type LogRecord,
  openLog,
  type RepairChoice,
  readLog,
} from "../../../src/log/index.ts";
import { directory, entry, Machine, plain, point, smallLimits, stateAt, vote } from "./fixture.ts";

const LAST = 23;

async function filled(): Promise<Machine> {
  const machine = new Machine("unreadable");
  const { log } = await machine.open();
  await machine.run(log.append({ hardState: vote(1, "a") }));
  for (let index = 1; index <= LAST; index++) {
    await machine.run(log.append({ entries: [entry(index, 1, 300)] }));
    if (index % 4 === 0 && index <= 8)
      await machine.run(log.writeSnapshot(point(index), [stateAt(point(index))]));
  }
  await machine.run(log.append({ hardState: vote(3, "b") }));
  machine.sim.kill();
  return machine;
}

interface BadPlace {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  /** Reads that fail before it can be read again; for ever unless given. */
  times?: number;
}

/** The disk with a place that cannot be read. What is written, renamed or cut off there is good again. */
function withBadPlace(disk: Disk, bad: BadPlace, code: string): Disk {
  let gone = false;
  const check = (path: string, from: number, to: number): void => {
    if (gone || path !== bad.path || to <= bad.from || from >= bad.to) return;
    if (bad.times !== undefined && bad.times-- <= 0) return;
    throw Object.assign(new Error(`${code}: read`), { code });
  };
  const watched = (path: string, file: DiskFile): DiskFile => ({
    ...file,
    async read(offset, length) {
      check(path, offset, offset + length);
      return file.read(offset, length);
    },
    async truncate(size) {
      if (path === bad.path && size <= bad.from) gone = true;
      return file.truncate(size);
    },
  });
  return {
    ...disk,
    async read(path) {
      check(path, 0, Number.POSITIVE_INFINITY);
      return disk.read(path);
    },
    open: async (path) => watched(path, await disk.open(path)),
    async rename(from, to) {
      if (from === bad.path) gone = true;
      return disk.rename(from, to);
    },
  };
}

function open(machine: Machine, bad: BadPlace, repair: RepairChoice, code = "EIO") {
  const disk = withBadPlace(machine.sim.mount(), bad, code);
  return machine.run(openLog({ disk, directory, limits: smallLimits, repair }));
}

function segmentOf(machine: Machine, at: number): string {
  const path = machine.segments().at(at);
  if (path === undefined) throw new Error("no such segment");
  return path;
}

test("a place in a segment is cut with what follows it, and the member heals", async () => {
  for (const [at, from] of [
    [1, 4096],
    [1, 0],
    [-1, 0],
    [0, 512],
  ] as const) {
    const machine = await filled();
    const bad = { path: segmentOf(machine, at), from, to: from + 512 };
    const opened = await open(machine, bad, "cut");
    expect(opened.hardState).toEqual(vote(3, "b", true));
    expect(opened.entries.length).toBeLessThan(LAST);
    const written = opened.entries.map(({ index }) => entry(index, 1, 300));
    expect(plain(opened.entries)).toEqual(plain(written));
    expect(opened.repaired[0]).toMatchObject({ kind: "damageCut", file: bad.path });
    await machine.run(opened.log.close());
    expect((await machine.open()).hardState.healing).toBe(true);
  }
});

test("also at the very end, where it might have been an unfinished write", async () => {
  const machine = await filled();
  const path = segmentOf(machine, -1);
  const from = Math.floor((machine.bytesOf(path).length - 1) / 512) * 512;
  const opened = await open(machine, { path, from, to: from + 512 }, "cut");
  expect(opened.hardState.healing).toBe(true);
});

test("a cluster's only voter refuses and changes nothing", async () => {
  const machine = await filled();
  const before = machine.sim.paths().map((path) => [path, [...machine.bytesOf(path)]]);
  const opening = open(machine, { path: segmentOf(machine, 1), from: 600, to: 601 }, "refuse");
  await expect(opening).rejects.toBeInstanceOf(LogDamage);
  expect(machine.sim.paths().map((path) => [path, [...machine.bytesOf(path)]])).toEqual(before);
});

test("a read that succeeds when it is tried again is no damage", async () => {
  const machine = await filled();
  const bad = { path: segmentOf(machine, 1), from: 600, to: 601, times: 2 };
  const { hardState, entries, repaired } = await open(machine, bad, "refuse");
  expect([hardState, entries.at(-1)?.index, repaired]).toEqual([vote(3, "b"), LAST, []]);
});

test("a snapshot that cannot be read is passed over for the one before and the entries", async () => {
  const machine = await filled();
  const path = machine.sim.paths().findLast((name) => name.endsWith(".snap")) ?? "";
  const { snapshot, hardState, repaired } = await open(machine, { path, from: 0, to: 64 }, "refuse");
  expect([snapshot?.index, hardState.healing]).toEqual([4, false]);
  expect(repaired).toMatchObject([{ kind: "snapshotSkipped", file: path }]);
});

test("one slot of the hard state that cannot be read loses no vote", async () => {
  for (const from of [0, 4096]) {
    const machine = await filled();
    const { hardState } = await open(machine, { path: "log/hard-state", from, to: from + 512 }, "refuse");
    expect(hardState).toEqual(vote(3, "b"));
  }
});

test("an error that says nothing of the medium is no damage", async () => {
  const machine = await filled();
  const bad = { path: segmentOf(machine, 1), from: 600, to: 601 };
  await expect(open(machine, bad, "cut", "EMFILE")).rejects.toBeInstanceOf(LogFailure);
});

test("tools say where it is", async () => {
  const machine = await filled();
  const bad = { path: segmentOf(machine, 1), from: 4096, to: 4097 };
  const disk = withBadPlace(machine.sim.mount(), bad, "EIO");
  const records: LogRecord[] = [];
  const reading = async (): Promise<void> => {
    for await (const record of readLog({ disk, directory })) records.push(record);
  };
  await machine.run(reading());
  expect(records.at(-1)).toMatchObject({ kind: "damage", file: bad.path, offset: 4096 });
  expect(records.filter(({ kind }) => kind === "damage")).toHaveLength(1);
});
