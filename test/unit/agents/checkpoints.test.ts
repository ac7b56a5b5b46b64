// Batches of records survive any crash whole or not at all.
import fc from "fast-check";
import { unpack } from "msgpackr";
import { describe, expect, test } from "vitest";
import {
  type Change,
  CheckpointDamage,
  openCheckpoints,
  packRecord,
} from "../../../src/agents/checkpoints.ts";
import { crc32 } from "../../../src/agents/crc32.ts";
import { CHECKPOINT_COMPACT_BYTES_MIN } from "../../../src/agents/limits.ts";
import { MemoryDisk } from "./rig/memory-disk.ts";
import { settled } from "./rig/virtual-clock.ts";

const alive = () => true;

function change(key: string, value: unknown): Change {
  return [key, value === null ? null : packRecord(value)];
}

async function contents(disk: MemoryDisk): Promise<Record<string, unknown>> {
  const checkpoints = await openCheckpoints(disk.mount(alive));
  return Object.fromEntries([...checkpoints.recovered].sort());
}

test("the newest record of each key is read back; one of null is gone", async () => {
  const disk = new MemoryDisk();
  const checkpoints = await openCheckpoints(disk.mount(alive));
  await checkpoints.commit([change("a", { n: 1n }), change("b", Uint8Array.of(1, 2))]);
  await checkpoints.commit([change("a", { n: 2n, t: "x" }), change("b", null)]);
  expect(await contents(disk)).toEqual({ a: { n: 2n, t: "x" } });
});

test("a torn end is cut off, wherever it is torn", async () => {
  const disk = new MemoryDisk();
  const checkpoints = await openCheckpoints(disk.mount(alive));
  await checkpoints.commit([change("a", 1)]);
  const whole = disk.bytesOf("checkpoints/checkpoints-1")?.length ?? 0;
  await checkpoints.commit([change("a", 2), change("b", 3)]);
  const bytes = disk.bytesOf("checkpoints/checkpoints-1")?.slice() ?? expect.fail();
  for (let length = whole; length < bytes.length; length++) {
    const file = await disk.mount(alive).open("checkpoints/checkpoints-1");
    await file.truncate(0);
    await file.write(0, bytes.subarray(0, length));
    expect(await contents(disk)).toEqual({ a: 1 });
  }
});

test("damage before the end is refused", async () => {
  const disk = new MemoryDisk();
  const checkpoints = await openCheckpoints(disk.mount(alive));
  await checkpoints.commit([change("a", "first")]);
  await checkpoints.commit([change("b", "second")]);
  const size = disk.bytesOf("checkpoints/checkpoints-1")?.length ?? 0;
  for (let at = 0; at < size / 2 - 1; at++) {
    const file = await disk.mount(alive).open("checkpoints/checkpoints-1");
    const before = await file.read(at, 1);
    await file.write(at, Uint8Array.of((before[0] ?? 0) ^ 0xff));
    await expect(openCheckpoints(disk.mount(alive))).rejects.toThrow(CheckpointDamage);
    await file.write(at, before);
  }
  expect(await contents(disk)).toEqual({ a: "first", b: "second" });
});

test("the journal does not grow with what is no longer there", async () => {
  const disk = new MemoryDisk();
  const checkpoints = await openCheckpoints(disk.mount(alive));
  const large = new Uint8Array(CHECKPOINT_COMPACT_BYTES_MIN / 4);
  await checkpoints.commit([change("kept", "x")]);
  for (let i = 0; i < 12; i++) await checkpoints.commit([change("a", large)]);
  await checkpoints.commit([change("a", i("done"))]);
  const sizes = disk.paths().map((path) => disk.bytesOf(path)?.length ?? 0);
  expect(sizes).toHaveLength(1);
  expect(sizes[0]).toBeLessThan(2 * CHECKPOINT_COMPACT_BYTES_MIN);
  expect(await contents(disk)).toEqual({ kept: "x", a: { i: "done" } });
});

function i(text: string): { readonly i: string } {
  return { i: text };
}

describe("a crash at any operation", () => {
  const batch = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(fc.nat(9))), {
    minLength: 1,
    maxLength: 4,
  });

  test("leaves the batches that were committed, and perhaps the one that was not yet", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { maxLength: 6 }),
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (batches, crashAt, kept) => {
          const disk = new MemoryDisk();
          let living = true;
          disk.beforeOperation = (operation) => {
            if (operation !== crashAt) return;
            living = false;
            disk.losePower(kept);
          };
          let done = 0;
          void commitAll(
            disk,
            batches,
            () => living,
            () => done++,
          );
          await settled();
          const allowed = [batches.slice(0, done), batches.slice(0, done + 1)].map(modelOf);
          expect(allowed).toContainEqual(await contents(disk));
        },
      ),
      { numRuns: 200 },
    );
  });

  type Batch = readonly (readonly [string, number | null])[];

  async function commitAll(
    disk: MemoryDisk,
    batches: readonly Batch[],
    isAlive: () => boolean,
    onDone: () => void,
  ) {
    const checkpoints = await openCheckpoints(disk.mount(isAlive));
    for (const each of batches) {
      await checkpoints.commit(each.map(([key, value]) => change(key, value)));
      onDone();
    }
  }

  function modelOf(batches: readonly Batch[]): Record<string, unknown> {
    const model = new Map<string, number>();
    for (const [key, value] of batches.flat()) {
      if (value === null) model.delete(key);
      else model.set(key, value);
    }
    return Object.fromEntries([...model].sort());
  }
});

test("crc32 has the published check value", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
});

test("records are packed so that they can be read without this code", () => {
  expect(unpack(packRecord({ a: [1, "x"] }))).toEqual({ a: [1, "x"] });
});
