// A sync that failed is not made good by a later one (fsyncgate): what was read back from the cache must be written anew
// before anything follows it.
import { expect, test } from "vitest";
import { SimDisk } from "../../../simulations/sim-disk.ts";
import { openCheckpoints, packRecord } from "../../../src/agents/checkpoints.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { VirtualClock } from "../log/virtual-clock.ts";

test.each([1, 2, 3, 4, 5])("a batch whose sync failed does not become a hole (%i)", async (seed) => {
  const clock = new VirtualClock();
  const disk = new SimDisk({ random: seededRandom(seed), clock });
  const before = await clock.until(openCheckpoints(disk.mount()));
  await clock.until(before.commit([["a", packRecord(1)]]));
  disk.failNext("sync");
  await expect(clock.until(before.commit([["b", packRecord(2)]]))).rejects.toThrow("EIO");
  disk.kill();

  const after = await clock.until(openCheckpoints(disk.mount()));
  const recovered = Object.fromEntries(after.recovered);
  await clock.until(after.commit([["c", packRecord(3)]]));
  disk.crash();

  const last = await clock.until(openCheckpoints(disk.mount()));
  expect(Object.fromEntries(last.recovered)).toEqual({ ...recovered, c: 3 });
});
