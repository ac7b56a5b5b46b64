// What Mesos' own allocator takes, for comparison: commit c1b42f79, gcc -O2, one role, drf/drf sorters, measured on a
// machine of 2 cores like the one that docs/performance.md names; medians, wall clock, in milliseconds.
export interface MesosFigures {
  readonly addAll?: number;
  readonly allFree?: number;
  readonly declined?: number;
  readonly full?: number;
  /** GiB with every agent declined by every framework. */
  readonly memoryGiB?: number;
}

const MEASURED: Readonly<Record<string, MesosFigures>> = {
  "1000x50": { addAll: 12, allFree: 15, declined: 187, full: 0.8, memoryGiB: 0.2 },
  "1000x200": { addAll: 11, allFree: 16, declined: 868, full: 0.9, memoryGiB: 0.7 },
  "1000x1000": { addAll: 11, allFree: 28, declined: 5_538, full: 1.1, memoryGiB: 3.3 },
  "5000x200": { addAll: 66, allFree: 99, declined: 4_282, full: 7.8, memoryGiB: 3.4 },
  "10000x50": { addAll: 118, allFree: 192, declined: 2_249, full: 15, memoryGiB: 1.9 },
  "10000x200": { addAll: 114, allFree: 197, declined: 8_655, full: 15, memoryGiB: 6.7 },
  // Published for Mesos 1.8 on a machine that is not named; a cycle, nothing else.
  "10000x1000": { allFree: 1_100 },
  "20000x2000": { allFree: 3_800 },
};

export function mesosFigures(agents: number, frameworks: number): MesosFigures {
  return MEASURED[`${agents}x${frameworks}`] ?? {};
}
