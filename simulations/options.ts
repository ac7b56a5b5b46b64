// From one seed to the parameters of a run, by swarm testing: each run has some kinds of fault and not others, at rates
// of its own, so that over many seeds faults meet in combinations that an average of all of them would never show.
import type { Random } from "../src/kernel/ports.ts";
import { between, chance, pick, seededRandom } from "../src/kernel/random.ts";
import type { LogLimits } from "../src/log/index.ts";
import type { RaftTuning } from "../src/raft/index.ts";
import type { Settings } from "../src/state/commands.ts";
import { type Policy, policyOf } from "../src/state/policy.ts";
import type { DiskFaults, Range } from "./sim-disk.ts";

/** Virtual time of one tick. Milliseconds. */
export const TICK_MS = 10;
/** Ticks in which a healed cluster has to come to rest: five minutes. */
const CONVERGENCE_TICKS_MAX = 30_000;
/** Ticks of faults of which a seed draws one when nobody says: 5 s to a minute. */
const TICKS_DRAWN = [500, 1_000, 1_000, 2_000, 3_000, 6_000];

export const FAULT_KINDS = [
  "master-killed",
  "master-power-lost",
  "master-stopped",
  "master-disk-fails",
  "master-disk-hangs",
  "master-disk-full",
  "master-crashes-at-disk",
  "master-paused",
  "master-slow",
  "master-rots",
  "master-wiped",
  "leader-transferred",
  "member-replaced",
  "agent-killed",
  "agent-power-lost",
  "agent-stopped",
  "agent-disk-fails",
  "agent-disk-full",
  "agent-crashes-at-disk",
  "agent-paused",
  "framework-crashes",
  "master-isolated",
  "masters-split",
  "one-way-cut",
  "agent-cut-off",
  "framework-cut-off",
  "path-slow",
  "connection-broken",
  "clock-stepped",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Workload {
  /** Each framework launches no more. */
  readonly tasksPerFramework: number;
  readonly tasksPerAccept: number;
  readonly runMs: Range;
  /** Of a framework between an offer and its answer. */
  readonly thinkMs: Range;
  readonly acknowledgeMs: Range;
  /** 0 to 1 each, of tasks or calls. */
  readonly failing: number;
  readonly killed: number;
  readonly stubborn: number;
  readonly launchFailure: number;
  readonly declined: number;
  readonly repeatedCalls: number;
  readonly lateCalls: number;
  readonly badCalls: number;
  readonly teardowns: number;
  readonly operations: number;
  readonly failoverTimeoutS: number;
  /** From one launch of a framework to the next, in which it wants no offers; 0 for one that takes what it is offered. */
  readonly paceMs: Range;
}

/**
 * What starves others under Mesos' offers: to hold them without an answer, to decide slowly, to decline them all at once
 * without a filter, to take a crumb of each.
 */
export type Habit = "usual" | "hoards" | "is-slow" | "churns" | "nibbles";

export interface SimOptions {
  readonly seed: string;
  readonly ticks: number;
  /** Ticks in which the healed cluster has to come to rest. */
  readonly convergenceTicks: number;
  readonly masters: number;
  readonly agents: number;
  readonly frameworks: number;
  readonly agentCpus: number;
  readonly agentMem: number;
  readonly workload: Workload;
  readonly latencyUs: Range;
  readonly giveUpMs: Range;
  /** Parts in a million. */
  readonly clockDriftPpmMax: number;
  readonly clockOffsetMsMax: number;
  readonly disk: DiskFaults;
  /** Before the cluster is founded, too. */
  readonly faultsFromTheStart: boolean;
  /** Mean time between two faults of a kind; kinds that are left out do not happen. Milliseconds. */
  readonly faultEveryMs: Readonly<Partial<Record<FaultKind, number>>>;
  readonly downMs: Range;
  readonly cutMs: Range;
  readonly settings: Settings;
  readonly policy: Policy;
  /** What frameworks do with offers, in turn. */
  readonly habits: readonly Habit[];
  readonly raft: Partial<RaftTuning>;
  readonly log: Partial<LogLimits>;
  /** Bounds of each master's archive of its log: bytes and milliseconds; null for none. */
  readonly archive: { readonly bytesMax: number; readonly ageMsMax: number } | null;
  readonly snapshotIntervalEntries: number;
  /** Mean time between two reservations or volumes made or undone by an operator; null for none. Milliseconds. */
  readonly operationsEveryMs: number | null;
  /** Mean time between two changes of weights; null for none. Milliseconds. */
  readonly weightsEveryMs: number | null;
  /** Mean time between two orders about agents: deactivate, drain, reactivate; null for none. Milliseconds. */
  readonly dutyEveryMs: number | null;
  /** The history of launches and reads is kept and checked for linearizability. */
  readonly readsAreChecked: boolean;
}

/** @param ticks of faults; null for as many as the seed draws */
export function swarmOptions(seed: string, ticks: number | null): SimOptions {
  const random = seededRandom(`options ${seed}`);
  const drawnTicks = pick(random, TICKS_DRAWN);
  return {
    seed,
    ticks: ticks ?? drawnTicks,
    convergenceTicks: CONVERGENCE_TICKS_MAX,
    masters: pick(random, [1, 3, 3, 3, 3, 3, 5]),
    agents: between(random, 2, 8),
    frameworks: between(random, 1, 4),
    agentCpus: between(random, 2, 8),
    agentMem: between(random, 1, 8) * 1_024,
    workload: {
      ...swarmWorkload(random),
      operations: pick(seededRandom(`frameworks' operations ${seed}`), [0, 0.2, 0.6]),
    },
    latencyUs: pick(random, [
      { low: 50, high: 500 },
      { low: 200, high: 2_000 },
      { low: 500, high: 10_000 },
    ]),
    giveUpMs: pick(random, [
      { low: 1_000, high: 5_000 },
      { low: 5_000, high: 60_000 },
    ]),
    clockDriftPpmMax: pick(random, [0, 100, 20_000]),
    clockOffsetMsMax: pick(random, [0, 50, 2_000]),
    disk: swarmDisk(random),
    faultsFromTheStart: chance(random, 1 / 8),
    faultEveryMs: swarmFaults(random),
    downMs: pick(random, [
      { low: 50, high: 2_000 },
      { low: 1_000, high: 20_000 },
    ]),
    cutMs: pick(random, [
      { low: 100, high: 3_000 },
      { low: 1_000, high: 30_000 },
    ]),
    settings: {
      frameworkReconnectMs: pick(random, [5_000, 20_000, 60_000]),
      agentReconnectMs: pick(random, [3_000, 15_000, 75_000]),
    },
    policy: policyOf({
      offerTimeoutMs: pick(random, [null, 2_000, 20_000]),
      optimisticAfterMs: pick(seededRandom(`optimistic offers ${seed}`), [null, null, 0, 2_000]),
    }),
    habits: swarmHabits(seededRandom(`habits ${seed}`)),
    raft: swarmRaft(random),
    ...swarmLogs(random, seededRandom(`archive ${seed}`)),
    snapshotIntervalEntries: pick(random, [50, 200, 1_000]),
    weightsEveryMs: pick(seededRandom(`weights ${seed}`), [null, 1_000, 5_000]),
    dutyEveryMs: pick(seededRandom(`duty ${seed}`), [null, null, 2_000, 8_000]),
    operationsEveryMs: pick(seededRandom(`operations ${seed}`), [null, 300, 2_000]),
    readsAreChecked: true,
  };
}

function swarmWorkload(random: Random): Omit<Workload, "operations"> {
  const rate = (most: number): number => (chance(random, 1 / 2) ? 0 : (between(random, 1, 100) / 100) * most);
  return {
    tasksPerFramework: between(random, 10, 150),
    tasksPerAccept: between(random, 1, 6),
    runMs: pick(random, [
      { low: 0, high: 500 },
      { low: 100, high: 10_000 },
      { low: 5_000, high: 40_000 },
    ]),
    thinkMs: pick(random, [
      { low: 0, high: 20 },
      { low: 0, high: 2_000 },
    ]),
    acknowledgeMs: pick(random, [
      { low: 0, high: 5 },
      { low: 0, high: 1_000 },
    ]),
    failing: rate(0.3),
    killed: rate(0.3),
    stubborn: rate(0.5),
    launchFailure: rate(0.1),
    declined: rate(0.5),
    repeatedCalls: rate(0.2),
    lateCalls: rate(0.2),
    badCalls: rate(0.2),
    teardowns: chance(random, 1 / 4) ? 0.02 : 0,
    failoverTimeoutS: pick(random, [0, 5, 600, 600, 600]),
    paceMs: pick(random, [
      { low: 0, high: 0 },
      { low: 0, high: 0 },
      { low: 200, high: 4_000 },
    ]),
  };
}

function swarmHabits(random: Random): readonly Habit[] {
  const some = ["usual", "hoards", "is-slow", "churns", "nibbles"] as const;
  if (chance(random, 1 / 2)) return ["usual"];
  return Array.from({ length: 4 }, () => pick(random, some));
}

function swarmDisk(random: Random): DiskFaults {
  return {
    latencyMs: pick(random, [
      { low: 0, high: 0 },
      { low: 0, high: 2 },
    ]),
    syncLatencyMs: pick(random, [
      { low: 0, high: 1 },
      { low: 1, high: 10 },
      { low: 1, high: 60 },
    ]),
    readErrorProbability: 0,
    writeErrorProbability: 0,
    syncErrorProbability: 0,
    capacityBytes: Number.POSITIVE_INFINITY,
  };
}

function swarmFaults(random: Random): SimOptions["faultEveryMs"] {
  const rates: Partial<Record<FaultKind, number>> = {};
  for (const kind of FAULT_KINDS) {
    if (chance(random, 1 / 2)) rates[kind] = pick(random, [3_000, 10_000, 30_000, 60_000]);
  }
  return rates;
}

function swarmRaft(random: Random): Partial<RaftTuning> {
  const tickMs = pick(random, [10, 20, 50]);
  const electionMinMs = pick(random, [300, 500, 1_000]);
  const tuning = {
    tickMs,
    heartbeatMs: pick(random, [50, 100]),
    electionMinMs,
    electionMaxMs: 2 * electionMinMs,
    storageStallMs: pick(random, [1_000, 5_000]),
    trailingEntriesMax: pick(random, [0, 10, 10_000]),
    snapshotChunkBytes: pick(random, [16_384, 1_048_576]),
  };
  // Where hardly anything is kept for those that lag, snapshots have to be sent.
  return tuning.trailingEntriesMax === 0 ? { ...tuning, laggardBytesMax: 0 } : tuning;
}

/** Small segments, so that a short run has many of them; still smaller ones where they are archived. */
function swarmLogs(random: Random, archives: Random): Pick<SimOptions, "log" | "archive"> {
  const segmentBytesMax = pick(random, [262_144, 1_048_576, 67_108_864]);
  const log = {
    segmentBytesMax,
    batchBytesMax: segmentBytesMax / 2,
    entryBytesMax: segmentBytesMax / 4,
    preallocateBytes: pick(random, [0, 4_096, 65_536]),
    snapshotBlockBytes: pick(random, [4_096, 65_536]),
  };
  const archive = swarmArchive(archives);
  if (archive === null) return { log, archive };
  return {
    log: { ...log, segmentBytesMax: 131_072, batchBytesMax: 98_304, entryBytesMax: 65_536 },
    archive,
  };
}

function swarmArchive(random: Random): SimOptions["archive"] {
  if (chance(random, 1 / 2)) return null;
  return {
    bytesMax: pick(random, [300_000, 1_000_000_000]),
    ageMsMax: pick(random, [10_000, 3_600_000, 3_600_000]),
  };
}

/** Every parameter, one a line: what a failing run is reported with. */
export function banner(options: object): string {
  const lines = Object.entries(options).map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`);
  return lines.join("\n");
}
