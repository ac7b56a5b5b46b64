// Term, vote and healing once more, beside the log, in two checksummed slots that are written in turn: one bad sector
// cannot make a member forget its vote. A slot also says how far the log was durable when it was written, so that an
// end of the log that is gone without a trace is noticed. What a loss means is judged in open.ts.
import { assert } from "../kernel/assert.ts";
import type { Disk, DiskFile } from "../kernel/ports.ts";
import { crc32c } from "./crc32c.ts";
import { LogTooNew } from "./errors.ts";
import {
  decodeHardState,
  encodeHardState,
  getUint53,
  hardStateFlags,
  sectorBytes,
  setUint53,
  viewOf,
} from "./format.ts";
import { salvage } from "./salvage.ts";
import type { HardState } from "./types.ts";

/** A place up to which the log was durable. Sequence 0: nothing is said. */
export interface DurableEnd {
  /** Of the newest segment. */
  readonly sequence: number;
  /** Bytes of that segment. */
  readonly offset: number;
}

export interface HardStateSlot {
  /** Grows by one with each write. */
  readonly number: number;
  readonly hardState: HardState;
  readonly end: DurableEnd;
}

export interface FoundHardState {
  readonly newest: HardStateSlot | undefined;
  /** Both slots are as they were written, so that `newest` is the newest that was ever durable. */
  readonly isWhole: boolean;
}

export const noEnd: DurableEnd = { sequence: 0, offset: 0 };
export const hardStateFileName = "hard-state";

/** Far enough apart for the sectors of any disk. */
const slotDistanceBytes = 4096;
const slotVersion = 1;
const magicLow = 0x55504554;
const magicHigh = 0x54534849;
const hardStateAt = 40;

export function hardStatePath(directory: string): string {
  return `${directory}/${hardStateFileName}`;
}

/** What the file says; nothing if there is none. A slot that cannot be read is none. Changes nothing. Rejects with LogTooNew. */
export async function readHardStateFile(disk: Disk, directory: string): Promise<FoundHardState> {
  const path = hardStatePath(directory);
  const bytes = (await salvage(disk, path))?.bytes;
  const slots =
    bytes === undefined ? [] : [0, slotDistanceBytes].map((offset) => decodeSlot(path, bytes, offset));
  const whole = slots.filter((slot) => slot !== undefined);
  whole.sort((a, b) => b.number - a.number);
  return { newest: whole[0], isWhole: whole.length === 2 };
}

/** The file while a log is open. Writes are made one after the other by its owner. */
export class HardStateFile {
  readonly #file: DiskFile;
  #number: number;
  #hardState: HardState;
  #end: DurableEnd = noEnd;

  private constructor(file: DiskFile, number: number, hardState: HardState) {
    this.#file = file;
    this.#number = number;
    this.#hardState = hardState;
  }

  /** Opens or makes the file; `writeBoth` is to follow. */
  static async open(
    disk: Disk,
    directory: string,
    found: FoundHardState,
    hardState: HardState,
  ): Promise<HardStateFile> {
    const file = await disk.open(hardStatePath(directory));
    await disk.syncDirectory(directory);
    return new HardStateFile(file, found.newest?.number ?? 0, hardState);
  }

  /** What was written last. */
  get hardState(): HardState {
    return this.#hardState;
  }

  /** Durable when it resolves; the slot of the write before stays as it is. */
  async write(hardState: HardState, end: DurableEnd): Promise<void> {
    this.#number += 1;
    this.#hardState = hardState;
    this.#end = end;
    const slot = { number: this.#number, hardState, end };
    await this.#file.write((this.#number % 2) * slotDistanceBytes, encodeSlot(slot));
    await this.#file.sync();
  }

  /** After a start: whatever the slots held, both are good again. */
  async writeBoth(hardState: HardState, end: DurableEnd): Promise<void> {
    await this.write(hardState, end);
    await this.write(hardState, end);
  }

  /** The log has become durable up to there. */
  async advance(end: DurableEnd): Promise<void> {
    assert(
      end.sequence > this.#end.sequence || end.offset >= this.#end.offset,
      "the durable end of a log goes backwards",
      { ...end },
    );
    await this.write(this.#hardState, end);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function encodeSlot({ number, hardState, end }: HardStateSlot): Uint8Array {
  const bytes = new Uint8Array(sectorBytes);
  const view = viewOf(bytes);
  view.setUint32(0, magicLow, true);
  view.setUint32(4, magicHigh, true);
  view.setUint32(8, slotVersion, true);
  view.setUint32(12, hardStateFlags(hardState), true);
  setUint53(view, 16, number);
  setUint53(view, 24, end.sequence);
  view.setUint32(32, end.offset, true);
  encodeHardState(view, hardStateAt, hardState);
  view.setUint32(sectorBytes - 4, crc32c(bytes, 0, sectorBytes - 4), true);
  return bytes;
}

function decodeSlot(path: string, file: Uint8Array, at: number): HardStateSlot | undefined {
  if (file.length < at + sectorBytes) return undefined;
  const bytes = file.subarray(at, at + sectorBytes);
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== magicLow || view.getUint32(4, true) !== magicHigh) return undefined;
  if (view.getUint32(sectorBytes - 4, true) !== crc32c(bytes, 0, sectorBytes - 4)) return undefined;
  const version = view.getUint32(8, true);
  if (version > slotVersion) throw new LogTooNew(path, version);
  if (version !== slotVersion) return undefined;
  return {
    number: getUint53(view, 16),
    hardState: decodeHardState(view, hardStateAt, view.getUint32(12, true)),
    end: { sequence: getUint53(view, 24), offset: view.getUint32(32, true) },
  };
}
