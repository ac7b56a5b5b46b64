// A log on a virtual disk, with limits so small that short histories cross segments and batches.

import type { DiskFaults } from "../../../simulations/sim-disk.ts";
import { SimDisk } from "../../../simulations/sim-disk.ts";
import { asId, asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import type {
  HardState,
  LogEntry,
  LogLimits,
  LogPoint,
  OpenedLog,
  RepairChoice,
} from "../../../src/log/index.ts";
import { openLog } from "../../../src/log/index.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const directory = "log";

export const smallLimits: Partial<LogLimits> = {
  segmentBytesMax: 6 * 1024,
  entryBytesMax: 1500,
  batchBytesMax: 3 * 1024,
  snapshotBlockBytes: 100,
  preallocateBytes: 0,
};

export class Machine {
  readonly clock = new VirtualClock();
  readonly sim: SimDisk;
  readonly #limits: Partial<LogLimits>;

  constructor(
    seed: string | number = "log",
    faults: Partial<DiskFaults> = {},
    limits: Partial<LogLimits> = {},
  ) {
    this.sim = new SimDisk({ random: seededRandom(seed), clock: this.clock, faults });
    this.#limits = { ...smallLimits, ...limits };
  }

  /** Starts a process that opens the log. */
  open(repair: RepairChoice = "refuse"): Promise<OpenedLog> {
    return this.run(openLog({ disk: this.sim.mount(), directory, limits: this.#limits, repair }));
  }

  /** Awaits in virtual time. */
  run<Value>(promise: Promise<Value>): Promise<Value> {
    return this.clock.until(promise);
  }

  segments(): string[] {
    return this.sim.paths().filter((path) => path.endsWith(".log"));
  }

  bytesOf(path: string): Uint8Array {
    return this.sim.bytesOf(path) ?? new Uint8Array(0);
  }
}

/** An entry whose payload depends on index, term and length alone. */
export function entry(index: number, term = 1, bytes = 20): LogEntry {
  const payload = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) payload[at] = (index * 31 + term * 7 + at) % 251;
  return { index: asIndex(index), term: asTerm(term), payload };
}

export function entries(first: number, last: number, term = 1, bytes = 20): LogEntry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term, bytes));
}

export function vote(term: number, member: string | null = null, healing = false): HardState {
  return { term: asTerm(term), votedFor: member === null ? null : asId(member), healing };
}

export function point(index: number, term = 1): LogPoint {
  return { index: asIndex(index), term: asTerm(term) };
}

/** What a snapshot of this point holds. */
export function stateAt({ index, term }: LogPoint, bytes = 250): Uint8Array {
  return entry(index, term, bytes).payload;
}

/** Copies, so that views of different buffers compare equal. */
export function plain(list: readonly LogEntry[]): { index: number; term: number; payload: number[] }[] {
  return list.map(({ index, term, payload }) => ({ index, term, payload: [...payload] }));
}
