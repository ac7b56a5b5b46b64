// Crashes that the virtual disk is asked to make in the middle of a process's work, and how they are taken back.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../src/kernel/random.ts";
import { VirtualClock } from "../test/unit/log/virtual-clock.ts";
import { type Interruption, SimDisk } from "./sim-disk.ts";

const MOMENTS = ["before", "within", "after"] as const;

interface Subject {
  readonly disk: SimDisk;
  /** One operation of a process, to its end. */
  readonly operate: () => Promise<unknown>;
  /** Until nothing is left to happen. */
  readonly rest: () => Promise<void>;
}

function subject(): Subject {
  const clock = new VirtualClock();
  const disk = new SimDisk({ random: seededRandom("interruptions"), clock });
  const process = disk.mount();
  return {
    disk,
    operate: () => clock.until(process.list("")),
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
