// From one seed to the parameters of a run of members alone: consensus and log without the cluster on top of them, so
// that a run is short and its faults are many. Drawn by swarm testing, as in ../options.ts.
import type { Random } from "../../src/kernel/ports.ts";
import { between, chance, pick, seededRandom } from "../../src/kernel/random.ts";
import type { LogLimits } from "../../src/log/index.ts";
import type { RaftTuning } from "../../src/raft/index.ts";
import type { DiskFaults, Range } from "../sim-disk.ts";

/** Ticks of faults when nobody says: half a minute. */
export const DEFAULT_TICKS = 3_000;
/** Ticks in which a healed majority has to take writes again and come to a stable leader: forty seconds. */
const CORE_TICKS_MAX = 4_000;
/** Ticks in which all members have to be equal once everything is healed. */
const CONVERGENCE_TICKS_MAX = 6_000;

export const FAULT_KINDS = [
  "killed",
  "power-lost",
  "stopped",
  "disk-fails",
  "disk-full",
  "disk-hangs",
  "isolated",
  "split",
  "one-way-cut",
  "path-slow",
  "connection-broken",
  "clock-stepped",
  "transfer",
  "snapshot",
  "member-added",
  "member-promoted",
  "member-removed",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface ClientOptions {
  readonly clients: number;
  readonly keys: number;
  /** Share of operations that are reads, 0 to 1. */
  readonly reads: number;
  readonly thinkMs: Range;
  readonly payloadBytes: Range;
  readonly timeoutMs: number;
  /** How long a client's message is under way. Microseconds. */
  readonly latencyUs: Range;
}

export interface RaftWorldOptions {
  readonly seed: string;
  readonly ticks: number;
  readonly coreTicks: number;
  readonly convergenceTicks: number;
  /** Founders. */
  readonly members: number;
  /** Further machines, which join when they are added. */
  readonly spares: number;
  readonly client: ClientOptions;
  readonly latencyUs: Range;
  readonly giveUpMs: Range;
  readonly clockDriftPpmMax: number;
  readonly clockOffsetMsMax: number;
  readonly disk: DiskFaults;
  /** Mean time between two faults of a kind; kinds that are left out do not happen. Milliseconds. */
  readonly faultEveryMs: Readonly<Partial<Record<FaultKind, number>>>;
  /** How often a member that has become leader is struck at once, 0 to 1. */
  readonly coups: number;
  /** How often a member is struck when its vote has just arrived, 0 to 1. */
  readonly struckVoters: number;
  /** How often a fault that strikes one member strikes the leader, 0 to 1; besides chance. */
  readonly atLeader: number;
  readonly downMs: Range;
  readonly cutMs: Range;
  readonly raft: Partial<RaftTuning>;
  readonly log: Partial<LogLimits>;
  /** Each member saves a snapshot whenever it has applied so many entries. */
  readonly snapshotEvery: number;
  /** Added to each snapshot, so that it goes in several pieces. */
  readonly snapshotPadBytes: number;
}

/** Only where the members are known from outside can a majority be healed and the others be left as they are. */
export function hasFixedMembers({ spares, faultEveryMs }: RaftWorldOptions): boolean {
  return spares === 0 && !Object.keys(faultEveryMs).some((kind) => kind.startsWith("member-"));
}

export function raftSwarm(seed: string, ticks: number): RaftWorldOptions {
  const random = seededRandom(`raft options ${seed}`);
  const members = pick(random, [3, 3, 3, 5, 5]);
  const spares = pick(random, [0, 0, 1, 2]);
  const client = swarmClients(random);
  const latencyUs = pick(random, LATENCIES_US);
  return {
    seed,
    ticks,
    coreTicks: CORE_TICKS_MAX,
    convergenceTicks: CONVERGENCE_TICKS_MAX,
    members,
    spares,
    client,
    latencyUs,
    giveUpMs: pick(random, [
      { low: 200, high: 1_000 },
      { low: 1_000, high: 20_000 },
    ]),
    clockDriftPpmMax: pick(random, [0, 100, 20_000]),
    clockOffsetMsMax: pick(random, [0, 2_000]),
    disk: swarmDisk(random),
    faultEveryMs: swarmFaults(random),
    coups: pick(random, [0, 0, 0.3, 0.8]),
    struckVoters: pick(random, [0, 0, 0.1, 0.5]),
    atLeader: pick(random, [0, 0.5, 0.9]),
    downMs: pick(random, [
      { low: 10, high: 300 },
      { low: 50, high: 3_000 },
    ]),
    cutMs: pick(random, [
      { low: 50, high: 500 },
      { low: 100, high: 3_000 },
      { low: 1_000, high: 10_000 },
    ]),
    raft: swarmRaft(random, latencyUs),
    log: swarmLog(random),
    snapshotEvery: pick(random, [10, 50, 200, 1_000_000]),
    snapshotPadBytes: pick(random, [0, 3_000]),
  };
}

const LATENCIES_US: readonly Range[] = [
  { low: 50, high: 500 },
  { low: 200, high: 2_000 },
  { low: 500, high: 10_000 },
  { low: 1_000, high: 40_000 },
];

function swarmClients(random: Random): ClientOptions {
  return {
    clients: pick(random, [2, 3, 4, 6, 14]),
    keys: between(random, 1, 3),
    reads: pick(random, [0.2, 0.5, 0.8]),
    thinkMs: pick(random, [
      { low: 0, high: 20 },
      { low: 0, high: 100 },
      { low: 20, high: 400 },
    ]),
    payloadBytes: pick(random, [
      { low: 0, high: 20 },
      { low: 0, high: 2_000 },
    ]),
    timeoutMs: pick(random, [300, 1_000, 3_000]),
    latencyUs: pick(random, [
      { low: 1, high: 200 },
      { low: 100, high: 5_000 },
    ]),
  };
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
      { low: 90, high: 130 },
    ]),
    readErrorProbability: 0,
    writeErrorProbability: 0,
    syncErrorProbability: 0,
    capacityBytes: Number.POSITIVE_INFINITY,
  };
}

function swarmFaults(random: Random): RaftWorldOptions["faultEveryMs"] {
  const rates: Partial<Record<FaultKind, number>> = {};
  const changes = chance(random, 1 / 3) ? pick(random, [700, 2_000, 5_000]) : undefined;
  for (const kind of FAULT_KINDS) {
    // Members that only go or only come are soon a membership that nothing changes any more.
    if (kind.startsWith("member-")) {
      if (changes !== undefined) rates[kind] = changes;
    } else if (chance(random, 2 / 5)) rates[kind] = pick(random, [700, 2_000, 5_000, 15_000]);
  }
  return rates;
}

function swarmRaft(random: Random, latencyUs: Range): Partial<RaftTuning> {
  const drawn = pick(random, [300, 300, 600]);
  // Elections need timeouts well above the time that messages take, of which some take twenty times as long as most.
  const electionMinMs = latencyUs.high > 10_000 ? 1_500 : drawn;
  const tuning = {
    tickMs: pick(random, [10, 20]),
    heartbeatMs: pick(random, [50, 100]),
    electionMinMs,
    electionMaxMs: 2 * electionMinMs,
    storageStallMs: pick(random, [1_000, 5_000]),
    snapshotRetryMs: pick(random, [300, 1_000]),
    trailingEntriesMax: pick(random, [0, 10, 10_000]),
    snapshotChunkBytes: pick(random, [512, 65_536]),
    messageBytesMax: pick(random, [1, 500, 1_048_576]),
    inflightMessagesMax: pick(random, [1, 4, 128]),
    uncommittedBytesMax: pick(random, [2_000, 20_000, 67_108_864]),
    leaseReads: chance(random, 1 / 3),
    clockDriftPpmMax: 50_000,
  };
  // Where hardly anything is kept for those that lag, snapshots have to be sent.
  return tuning.trailingEntriesMax === 0 ? { ...tuning, laggardBytesMax: 0 } : tuning;
}

/** Segments so small that they follow each other, and little written ahead, which every start has to read. */
function swarmLog(random: Random): Partial<LogLimits> {
  return {
    entryBytesMax: 16_384,
    batchBytesMax: pick(random, [20_000, 30_000]),
    segmentBytesMax: pick(random, [32_768, 131_072]),
    preallocateBytes: pick(random, [0, 4_096, 16_384]),
    snapshotBlockBytes: pick(random, [512, 4_096]),
    snapshotsKept: pick(random, [1, 2]),
  };
}
