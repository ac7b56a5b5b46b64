// V8's young generation in a master: grown as V8 sees fit, but no further than to a size whose collection is a short
// pause even where much of it lives on, as while a checkpoint is made and after a start. V8's own limit is 64 MiB on a
// machine with some memory; with a million tasks one collection then takes 25 to 110 ms.
//
// The limit itself can only be set in front of the program. What V8 reads each time is the factor by which it grows: that
// is 1 once the size is reached, and more where V8 has made it smaller because little was allocated.
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";

/** What can be allocated in it until it is collected; V8 reserves as much again to copy into. */
export const YOUNG_GENERATION_BYTES = 8 * 1024 * 1024;

export interface YoungGeneration {
  /** Bytes that can be allocated in it until it is collected. */
  capacity(): number;
  /** Has `look` called after collections: when the turn of the loop is over in which they were made. */
  onCollected(look: () => void): void;
}

/**
 * From now on, for the life of the process. In one long turn, in which nobody looks, V8 may let it grow further.
 * @param set sets one flag of V8
 */
export function holdYoungGeneration(
  set: (flag: string) => void,
  young: YoungGeneration = v8sOwn,
  wantedBytes: number = YOUNG_GENERATION_BYTES,
): void {
  let factor = 0;
  const look = (): void => {
    const next = growthFactor(young.capacity(), wantedBytes);
    if (next === factor) return;
    factor = next;
    set(`--semi-space-growth-factor=${factor}`);
  };
  look();
  young.onCollected(look);
}

/** Twice at most, as V8's own: growing is due when as much has lived on as there is room for. */
function growthFactor(capacity: number, wantedBytes: number): number {
  return capacity * 2 <= wantedBytes ? 2 : 1;
}

const v8sOwn: YoungGeneration = {
  capacity() {
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    return space === undefined ? YOUNG_GENERATION_BYTES : space.space_used_size + space.space_available_size;
  },
  onCollected(look) {
    new PerformanceObserver(look).observe({ entryTypes: ["gc"] });
  },
};
