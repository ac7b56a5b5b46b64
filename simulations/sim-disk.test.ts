// What the virtual disk is asked to do to a process in the middle of its work, and how that is taken back.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../src/kernel/random.ts";
import { VirtualClock } from "../test/unit/log/virtual-clock.ts";
import { type Interruption, SimDisk } from "./sim-disk.ts";

const MOMENTS = ["before", "within", "after"] as const;

interface Subject {
  readonly disk: SimDisk;
  readonly begin: () => Promise<unknown>;
  /** One operation of a process, to its end; rejects if that cannot come. */
  readonly operate: () => Promise<unknown>;
  /** Until nothing is left to happen. */
  readonly rest: () => Promise<void>;
}

function subject(): Subject {
  const clock = new VirtualClock();
  const disk = new SimDisk({ random: seededRandom("interruptions"), clock });
  const process = disk.mount();
  const begin = (): Promise<unknown> => process.list("");
  return {
    disk,
    begin,
    operate: () => clock.until(begin()),
    rest: async () => {
      while (await clock.step());
    },
  };
}

function interruption(moment: Interruption["moment"], action: () => void): Interruption {
  return { operations: 0, moment, turns: 3, action };
}

describe("an interruption", () => {
  test.each(MOMENTS)("happens once, %s an operation", async (moment) => {
    const { disk, operate, rest } = subject();
    let happened = 0;
    disk.interrupt(interruption(moment, () => happened++));
    await operate();
    await operate();
    await rest();
    expect(happened).toBe(1);
  });

  test.each(MOMENTS)("that is taken back does not happen %s an operation", async (moment) => {
    const { disk, operate, rest } = subject();
    let happened = 0;
    disk.interrupt(interruption(moment, () => happened++));
    disk.interrupt(null);
    await operate();
    await rest();
    expect(happened).toBe(0);
  });

  test("that is taken back while its operation hangs does not happen when the disk goes on", async () => {
    const { disk, operate, rest } = subject();
    let happened = 0;
    disk.interrupt(interruption("after", () => happened++));
    disk.stall();
    const operation = operate().catch(() => "hangs");
    expect(await operation).toBe("hangs");
    disk.interrupt(null);
    disk.resume();
    await rest();
    expect(happened).toBe(0);
  });
});

describe("a disk that hangs", () => {
  test("goes on hanging when a process that was stopped meanwhile goes on", async () => {
    const { disk, operate } = subject();
    disk.stall("pause");
    disk.stall("hang");
    disk.resume("pause");
    await expect(operate()).rejects.toThrow("waits for ever");
  });

  test("does not wake a process that is stopped when it hangs no more", async () => {
    const { disk, operate } = subject();
    disk.stall("hang");
    disk.stall("pause");
    disk.resume("hang");
    await expect(operate()).rejects.toThrow("waits for ever");
  });

  test("completes what waited when nothing is in its way any more", async () => {
    const { disk, begin, rest } = subject();
    disk.stall("hang");
    disk.stall("pause");
    let completed = false;
    begin().then(() => {
      completed = true;
    });
    await rest();
    disk.resume("hang");
    await rest();
    expect(completed).toBe(false);
    disk.resume("pause");
    await rest();
    expect(completed).toBe(true);
  });
});
