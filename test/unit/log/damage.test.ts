// Torn tails are cut, damage is refused: no flipped bit goes unnoticed, no acknowledged entry is cut.
import { describe, expect, it } from "vitest";
import type { OpenedLog } from "../../../src/log/index.ts";
import { LogDamage, readLog } from "../../../src/log/index.ts";
import { directory, entries, entry, Machine, plain, point, stateAt, vote } from "./fixture.ts";

/** Three segments of synced batches, of which the newest holds several. */
async function filled(seed = "filled"): Promise<Machine> {
  const machine = new Machine(seed);
  const { log } = await machine.open();
  await machine.run(log.append({ hardState: vote(1, "a") }));
  for (let index = 1; index <= 23; index++)
    await machine.run(log.append({ entries: [entry(index, 1, index % 3 === 0 ? 900 : 60)] }));
  machine.sim.kill();
  return machine;
}

async function opened(machine: Machine): Promise<OpenedLog | LogDamage> {
  try {
    return await machine.open();
  } catch (error) {
    if (error instanceof LogDamage) return error;
    throw error;
  }
}

describe("a flipped bit", () => {
  it("is refused wherever it is in a synced segment, and nothing is changed", async () => {
    const machine = await filled();
    const segments = machine.segments();
    expect(segments.length).toBeGreaterThan(2);
    for (const path of segments) {
      const { length } = machine.bytesOf(path);
      for (let at = 0; at < length; at += 7) {
        const mask = 1 << (at % 8);
        machine.sim.corrupt(path, at, mask);
        const result = await opened(machine);
        expect(result, `${path} byte ${at}`).toBeInstanceOf(LogDamage);
        machine.sim.corrupt(path, at, mask);
      }
    }
    expect(plain((await machine.open()).entries).map(({ index }) => index)).toEqual(
      Array.from({ length: 23 }, (_, at) => at + 1),
    );
  });

  it("is refused in a sector of zeros as well", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: [{ ...entry(1), payload: new Uint8Array(1500) }] }));
    const path = machine.segments()[0] as string;
    const { length } = machine.bytesOf(path);
    machine.sim.corrupt(path, length - 700, 4);
    expect(await opened(machine)).toBeInstanceOf(LogDamage);
  });

  it("is told with file, place, reason and what to do", async () => {
    const machine = await filled();
    const path = machine.segments()[0] as string;
    machine.sim.corrupt(path, 1100, 1);
    const damage = await opened(machine);
    expect(damage).toMatchObject({ name: "LogDamage", file: path, offset: 1024 });
    expect((damage as LogDamage).message).toMatch(/durable|later segment.*tepui recover/);
  });
});

/** Makes the last part of the newest segment as an interrupted write would. */
async function shorten(machine: Machine, bytes: number): Promise<string> {
  const path = machine.segments().at(-1) as string;
  const disk = machine.sim.mount();
  const file = await machine.run(disk.open(path));
  await machine.run(file.truncate(machine.bytesOf(path).length - bytes));
  await machine.run(file.sync());
  return path;
}

describe("an unfinished tail", () => {
  it.each([1, 300, 512])("is cut and reported if the file ends %i bytes early", async (missing) => {
    const machine = await filled();
    const path = await shorten(machine, missing);
    const { log, entries: kept, repaired } = await machine.open();
    // The padding of the last batch is no loss; its first sector is.
    expect(kept.length).toBe(missing < 400 ? 23 : 22);
    if (missing === 512) expect(repaired).toEqual([]);
    await machine.run(log.append({ entries: [entry(kept.length + 1)] }));
    expect((await machine.open()).entries.length).toBe(kept.length + 1);
    expect(machine.segments()).toContain(path);
  });

  it("of zeros is cut and reported", async () => {
    const machine = await filled();
    const path = machine.segments().at(-1) as string;
    const { length } = machine.bytesOf(path);
    const file = await machine.run(machine.sim.mount().open(path));
    await machine.run(file.truncate(length + 4096));
    const { entries: kept, repaired } = await machine.open();
    expect(kept.length).toBe(23);
    expect(repaired).toEqual([{ kind: "zerosCut", file: path, offset: length, bytes: 4096 }]);
  });

  it("is cut if sectors in its middle were lost", async () => {
    const machine = await filled();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: [entry(24, 1, 1500)] }));
    await machine.run(log.append({ entries: [entry(25, 1, 1500)] }));
    const path = machine.segments().at(-1) as string;
    const { length } = machine.bytesOf(path);
    const file = await machine.run(machine.sim.mount().open(path));
    await machine.run(file.write(length - 1024, new Uint8Array(512)));
    const result = await machine.open();
    expect(result.entries.length).toBe(24);
    expect(result.repaired).toMatchObject([
      { kind: "tailCut", why: "sectors of the last batch were not written" },
    ]);
  });

  it("of a closed log cannot be: damage to its last records is refused", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 2, 1, 700) }));
    const path = machine.segments()[0] as string;
    const { length } = machine.bytesOf(path);
    await machine.run(log.close());
    const file = await machine.run(machine.sim.mount().open(path));
    await machine.run(file.write(length - 512, new Uint8Array(512)));
    expect(await opened(machine)).toBeInstanceOf(LogDamage);
  });

  it("that reaches back before an end that was noted as durable is refused", async () => {
    const machine = await filled();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: [entry(24)] }));
    await machine.run(log.append({ hardState: vote(2, "b") }));
    await shorten(machine, 1024);
    expect(await opened(machine)).toMatchObject({ why: expect.stringContaining("was durable up to byte") });
  });

  it("that is a segment without a header is removed", async () => {
    const machine = await filled();
    const name = "0000000000000063-0000000000000018.log";
    const next = machine.segments().length + 1;
    const path = `${directory}/${next.toString(16).padStart(16, "0")}${name.slice(16)}`;
    const file = await machine.run(machine.sim.mount().open(path));
    await machine.run(file.write(0, new Uint8Array(700)));
    const { repaired, entries: kept } = await machine.open();
    expect(kept.length).toBe(23);
    expect(repaired).toMatchObject([{ kind: "segmentRemoved", file: path }]);
  });
});

describe("missing files", () => {
  it("are refused in the middle of the log", async () => {
    const machine = await filled();
    await machine.run(machine.sim.mount().remove(machine.segments()[1] as string));
    expect(await opened(machine)).toBeInstanceOf(LogDamage);
  });

  it("are refused at its start, unless a snapshot covers them", async () => {
    const machine = await filled();
    await machine.run(machine.sim.mount().remove(machine.segments()[0] as string));
    expect(await opened(machine)).toMatchObject({ name: "LogDamage" });
  });

  it("are refused if all segments are gone but a snapshot is there", async () => {
    const machine = await filled();
    const { log } = await machine.open();
    await machine.run(log.writeSnapshot(point(3), [stateAt(point(3))]));
    machine.sim.kill();
    for (const path of machine.segments()) await machine.run(machine.sim.mount().remove(path));
    expect(await opened(machine)).toMatchObject({ why: expect.stringContaining("no segments") });
  });
});

describe("a reader beside the writer", () => {
  async function kinds(machine: Machine): Promise<string[]> {
    const seen: string[] = [];
    const all = (async () => {
      for await (const record of readLog({ disk: machine.sim.mount(), directory })) seen.push(record.kind);
    })();
    await machine.run(all);
    return seen;
  }

  it("sees all records in the order of writing", async () => {
    const machine = new Machine();
    const { log } = await machine.open();
    await machine.run(log.append({ entries: entries(1, 2), hardState: vote(1) }));
    await machine.run(log.writeSnapshot(point(1), [stateAt(point(1))]));
    expect(await kinds(machine)).toEqual(["snapshot", "segment", "hardState", "entry", "entry"]);
  });

  it("ends quietly at an unfinished tail and changes nothing", async () => {
    const machine = await filled();
    const path = await shorten(machine, 512);
    const { length } = machine.bytesOf(path);
    const seen = await kinds(machine);
    expect(seen.filter((kind) => kind === "entry").length).toBe(22);
    expect(seen).not.toContain("damage");
    expect(machine.bytesOf(path).length).toBe(length);
  });

  it("tells of damage and stops there", async () => {
    const machine = await filled();
    machine.sim.corrupt(machine.segments()[0] as string, 1600, 1);
    const seen = await kinds(machine);
    expect(seen.at(-1)).toBe("damage");
    expect(seen.filter((kind) => kind === "entry").length).toBeLessThan(23);
  });
});
