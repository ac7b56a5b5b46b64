// What compaction removes is kept, compressed, within bounds of bytes and age, and can be read like the log itself.
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { silentTracer, type Tracer } from "../../../src/kernel/ports.ts";
import type { Compressor, Log, LogRecord } from "../../../src/log/index.ts";
import { LogDamage, openLog, openSnapshot, readLog } from "../../../src/log/index.ts";
import { directory, entry, Machine, plain, point, smallLimits, stateAt } from "./fixture.ts";

/** Without threads, so that virtual time stands still meanwhile. */
const gzip: Compressor = {
  suffix: ".gz",
  compress: async (piece) => new Uint8Array(zlib.gzipSync(piece)),
  decompress: async (packed) => new Uint8Array(zlib.gunzipSync(packed)),
};
const compressors = [gzip];

interface Bounds {
  readonly bytesMax?: number;
  readonly ageMsMax?: number;
}

async function open(
  machine: Machine,
  { bytesMax = 1e9, ageMsMax = 1e9 }: Bounds = {},
  tracer: Tracer = silentTracer,
): Promise<Log> {
  const archive = { bytesMax, ageMsMax, compressor: gzip, clock: machine.clock };
  const opening = openLog({ disk: machine.sim.mount(), directory, limits: smallLimits, archive, tracer });
  return (await machine.run(opening)).log;
}

/** What is said of the archive. */
function recording(): { readonly tracer: Tracer; readonly said: string[] } {
  const said: string[] = [];
  const note = (event: string): void => {
    if (/^log\.archive(Failed|Works)$/.test(event)) said.push(event);
  };
  return { said, tracer: { debug: note, info: note, warn: note, error: note } };
}

function pause(machine: Machine, ms: number): Promise<void> {
  return machine.run(new Promise<void>((resolve) => void machine.clock.after(ms, resolve)));
}

/** Entries up to `last`, a snapshot at every tenth, compacted after each. */
async function work(machine: Machine, log: Log, first: number, last: number): Promise<void> {
  for (let index = first; index <= last; index++) {
    await machine.run(log.append({ entries: [entry(index, 1, 500)] }));
    if (index % 10 !== 0) continue;
    await machine.run(log.writeSnapshot(point(index), [stateAt(point(index))]));
    await machine.run(log.compact(asIndex(index + 1)));
  }
  await machine.run(log.archived());
}

async function records(machine: Machine): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  const reading = async (): Promise<void> => {
    for await (const record of readLog({ disk: machine.sim.mount(), directory, compressors }))
      found.push(record);
  };
  await machine.run(reading());
  return found;
}

function indexes(found: readonly LogRecord[]): number[] {
  return found.flatMap((record) => (record.kind === "entry" ? [record.entry.index] : []));
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1);
}

function archived(machine: Machine): string[] {
  return machine.sim.paths().filter((path) => path.includes("/archive/"));
}

describe("an archive", () => {
  it("keeps the whole history readable, compressed", async () => {
    const machine = new Machine();
    await work(machine, await open(machine), 1, 60);
    const found = await records(machine);
    expect(indexes(found)).toEqual(upTo(60));
    const entries = found.flatMap((record) => (record.kind === "entry" ? [record.entry] : []));
    expect(plain(entries)).toEqual(plain(upTo(60).map((index) => entry(index, 1, 500))));
    expect(archived(machine).length).toBeGreaterThan(3);
    expect(archived(machine).filter((path) => !path.endsWith(".gz"))).toEqual([]);
  });

  it("keeps snapshots from which the history can be replayed", async () => {
    const machine = new Machine();
    await work(machine, await open(machine), 1, 60);
    const points = (await records(machine)).flatMap((each) => (each.kind === "snapshot" ? [each] : []));
    const [oldest] = points.filter(({ isArchived }) => isArchived);
    expect(oldest?.point).toEqual(point(10));
    expect(points.at(-1)?.point).toEqual(point(60));
    const disk = machine.sim.mount();
    const reader = await machine.run(openSnapshot({ disk, directory, compressors }, point(10)));
    expect(await machine.run(reader?.read(0, 1000) as Promise<Uint8Array>)).toEqual(stateAt(point(10)));
  });

  it("drops the oldest when there is too much, and snapshots that lead to nothing with it", async () => {
    const machine = new Machine();
    await work(machine, await open(machine, { bytesMax: 6000 }), 1, 90);
    const bytes = archived(machine).reduce((sum, path) => sum + machine.bytesOf(path).length, 0);
    expect(bytes).toBeLessThanOrEqual(6000);
    const found = await records(machine);
    const kept = indexes(found);
    expect(kept.at(0)).toBeGreaterThan(1);
    expect(kept).toEqual(upTo(90).slice((kept[0] as number) - 1));
    const first = found.find((record) => record.kind === "snapshot");
    expect(first?.kind === "snapshot" && first.point.index).toBeGreaterThanOrEqual((kept[0] as number) - 1);
  });

  it("drops what is too old", async () => {
    const machine = new Machine("age", { latencyMs: { low: 1, high: 1 } });
    const log = await open(machine, { ageMsMax: 100 });
    await work(machine, log, 1, 40);
    await pause(machine, 200);
    await work(machine, log, 41, 60);
    expect(indexes(await records(machine))[0]).toBeGreaterThan(20);
  });

  it("of no bytes keeps nothing", async () => {
    const machine = new Machine();
    await work(machine, await open(machine, { bytesMax: 0 }), 1, 60);
    expect(archived(machine)).toEqual([]);
  });

  it("goes on after a crash at any moment, without a gap", async () => {
    for (let steps = 1; steps < 120; steps += 3) {
      const machine = new Machine(steps, { latencyMs: { low: 1, high: 3 } });
      const log = await open(machine);
      await work(machine, log, 1, 39);
      await machine.run(log.append({ entries: [entry(40, 1, 500)] }));
      const doing = log
        .writeSnapshot(point(40), [stateAt(point(40))])
        .then(() => log.compact(asIndex(41)))
        .then(() => log.archived());
      doing.catch(() => undefined);
      for (let step = 0; step < steps; step++) await machine.clock.step();
      machine.sim.crash();
      const again = await open(machine);
      await machine.run(again.archived());
      expect(indexes(await records(machine)), `after ${steps} steps`).toEqual(upTo(40));
      expect(archived(machine).filter((path) => !path.endsWith(".gz"))).toEqual([]);
    }
  });

  it("whose folder takes nothing costs history, not the log", async () => {
    const machine = new Machine();
    const log = await open(machine);
    machine.sim.failNext("rename", "/archive/");
    await work(machine, log, 1, 60);
    expect(machine.segments().filter((path) => !path.includes("/archive/")).length).toBeLessThan(4);
    await machine.run(log.close());
    const again = await open(machine);
    expect(again.lastIndex).toBe(60);
  });

  it("that fails costs history, not the log", async () => {
    const machine = new Machine();
    const log = await open(machine);
    machine.sim.failNext("write", "/archive/");
    await work(machine, log, 1, 60);
    await machine.run(log.append({ entries: [entry(61)] }));
    expect(log.lastIndex).toBe(61);
    expect(archived(machine).filter((path) => path.endsWith(".tmp"))).toEqual([]);
  });

  it("that cannot compress keeps what it is given, is tried again, and then compresses all of it", async () => {
    const machine = new Machine();
    const { said, tracer } = recording();
    const log = await open(machine, {}, tracer);
    await work(machine, log, 1, 20);
    expect(log.archiveHealth).toEqual({ kind: "working" });
    for (let i = 0; i < 1000; i++) machine.sim.failNext("write", ".gz.tmp");
    await work(machine, log, 21, 60);
    expect(log.archiveHealth).toMatchObject({ kind: "failing", why: expect.stringContaining("EIO") });
    expect(archived(machine).filter((path) => !path.endsWith(".gz")).length).toBeGreaterThan(2);
    machine.sim.failNoMore();
    await pause(machine, 600_000);
    await machine.run(log.archived());
    expect(log.archiveHealth).toEqual({ kind: "working" });
    expect(said).toEqual(["log.archiveFailed", "log.archiveWorks"]);
    expect(archived(machine).filter((path) => !path.endsWith(".gz"))).toEqual([]);
    expect(indexes(await records(machine))).toEqual(upTo(60));
  });

  it("that cannot compress keeps within its bytes all the same", async () => {
    const machine = new Machine();
    const log = await open(machine, { bytesMax: 20_000 });
    for (let i = 0; i < 1000; i++) machine.sim.failNext("write", ".gz.tmp");
    await work(machine, log, 1, 150);
    const bytes = archived(machine).reduce((sum, path) => sum + machine.bytesOf(path).length, 0);
    expect(bytes).toBeGreaterThan(5000);
    expect(bytes).toBeLessThanOrEqual(20_000);
  });

  it("that can neither compress nor remove takes no more than its bytes and one file", async () => {
    const machine = new Machine();
    const log = await open(machine, { bytesMax: 20_000 });
    for (let i = 0; i < 1000; i++) machine.sim.failNext("write", ".gz.tmp");
    for (let i = 0; i < 1000; i++) machine.sim.failNext("remove", "/archive/");
    await work(machine, log, 1, 150);
    const bytes = archived(machine).reduce((sum, path) => sum + machine.bytesOf(path).length, 0);
    expect(bytes).toBeLessThanOrEqual(27_000);
    expect(machine.segments().filter((path) => !path.includes("/archive/")).length).toBeLessThan(4);
  });

  it("without space takes nothing until there is some again", async () => {
    const machine = new Machine();
    const { said, tracer } = recording();
    const log = await open(machine, {}, tracer);
    await work(machine, log, 1, 20);
    for (let i = 0; i < 1000; i++) machine.sim.failNext("write", "/archive/", "ENOSPC");
    await work(machine, log, 21, 40);
    const kept = archived(machine).length;
    await work(machine, log, 41, 90);
    expect(archived(machine).length).toBe(kept);
    machine.sim.failNoMore();
    await pause(machine, 600_000);
    await machine.run(log.archived());
    await work(machine, log, 91, 120);
    expect(archived(machine).length).toBeGreaterThan(kept);
    expect(said).toEqual(["log.archiveFailed", "log.archiveWorks"]);
    expect(indexes(await records(machine)).at(-1)).toBe(120);
  });

  it.each(["list", "makeDirectory"] as const)(
    "whose folder fails at the start (%s) is taken up later",
    async (operation) => {
      const machine = new Machine();
      await work(machine, await open(machine), 1, 30);
      machine.sim.failNext(operation, "/archive");
      const log = await open(machine);
      expect(log.archiveHealth?.kind).toBe("failing");
      await pause(machine, 1000);
      await work(machine, log, 31, 60);
      expect(log.archiveHealth).toEqual({ kind: "working" });
      expect(indexes(await records(machine))).toEqual(upTo(60));
    },
  );

  it("that goes on failing is tried at growing intervals, and no more once the log is closed", async () => {
    const machine = new Machine();
    const { said, tracer } = recording();
    const log = await open(machine, {}, tracer);
    for (let i = 0; i < 10_000; i++) machine.sim.failNext("write", "/archive/");
    await work(machine, log, 1, 20);
    await pause(machine, 3_600_000);
    await machine.run(log.archived());
    const { tries } = log.archiveHealth as { tries: number };
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(25);
    expect(said).toEqual(["log.archiveFailed"]);
    await machine.run(log.close());
    await pause(machine, 3_600_000);
    expect(log.archiveHealth).toMatchObject({ tries });
  });

  it("that failed once and begins anew can still be read, and replayed from behind what is missing", async () => {
    const machine = new Machine();
    const log = await open(machine);
    await work(machine, log, 1, 60);
    for (let i = 0; i < 8; i++) machine.sim.failNext("rename", "/archive/");
    await work(machine, log, 61, 120);
    machine.sim.failNoMore();
    await machine.run(log.close());
    await work(machine, await open(machine), 121, 180);
    const found = await records(machine);
    const known = indexes(found);
    const begins = known.find((index, at) => at > 0 && index !== (known[at - 1] as number) + 1) ?? 0;
    expect(known).toEqual([...upTo(known.indexOf(begins)), ...upTo(180).slice(begins - 1)]);
    const points = found.flatMap((each) => (each.kind === "snapshot" ? [each.point.index] : []));
    expect(points.some((index) => index >= begins && index < 130)).toBe(true);
    expect(found.filter(({ kind }) => kind === "damage")).toEqual([]);
  });

  it("tells of a damaged file and goes on with the next", async () => {
    const machine = new Machine();
    await work(machine, await open(machine), 1, 60);
    const [first] = archived(machine).filter((path) => path.includes(".log"));
    machine.sim.corrupt(first as string, 100, 1);
    const found = await records(machine);
    expect(found.some((record) => record.kind === "damage")).toBe(true);
    expect(indexes(found).at(-1)).toBe(60);
    const [snapshot] = archived(machine).filter((path) => path.includes(".snap"));
    machine.sim.corrupt(snapshot as string, 100, 1);
    const disk = machine.sim.mount();
    await expect(machine.run(openSnapshot({ disk, directory, compressors }, point(10)))).rejects.toThrow(
      LogDamage,
    );
  });
});
