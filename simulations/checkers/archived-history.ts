// A member's log and its archive tell one history: every entry of it is the one that was committed there, none is missing
// in between, and nothing is damaged but on a disk that the simulator let fail.
import type { Disk } from "../../src/kernel/ports.ts";
import { LogDamage, type LogRecord, readLog } from "../../src/log/index.ts";
import { ECHO } from "../echo-compressor.ts";
import type { SimOptions } from "../options.ts";
import { type Check, checkOf } from "./check.ts";
import type { CommittedLog } from "./committed-log.ts";

const check: Check = checkOf("archived-history");
/** Bounds of an archive that drops nothing in any run. */
const BYTES_ENOUGH = 1_000_000_000;
const AGE_MS_ENOUGH = 3_600_000;

export interface HistoryParts {
  readonly self: string;
  /** As it is now; nothing writes to it meanwhile. */
  readonly disk: Disk;
  readonly directory: string;
  readonly log: CommittedLog;
  readonly archive: SimOptions["archive"];
  /** The simulator let the member's disk fail, or lose what it held. */
  readonly hasFailed: boolean;
}

type Entry = Extract<LogRecord, { readonly kind: "entry" }>["entry"];

/** What can be read. Entries that were replaced, or dropped for a snapshot, are not among them. */
class Told {
  readonly entries = new Map<number, Entry>();
  first = 0;
  last = 0;
  wasReset = false;
  damage: string | null = null;

  take(record: LogRecord): void {
    if (record.kind === "entry") this.#entry(record.entry);
    else if (record.kind === "damage") this.damage ??= `${record.file} ${record.offset}: ${record.why}`;
    else if (record.kind === "reset") {
      this.#drop(1);
      this.wasReset = true;
    }
  }

  #entry(entry: Entry): void {
    this.#drop(entry.index);
    if (this.entries.size === 0) this.first = entry.index;
    this.entries.set(entry.index, entry);
    this.last = entry.index;
  }

  #drop(from: number): void {
    for (let index = this.last; index >= from && this.entries.size > 0; index--) this.entries.delete(index);
    if (this.entries.size > 0) this.last = Math.min(this.last, from - 1);
  }
}

export async function checkHistory(parts: HistoryParts): Promise<void> {
  const { self, archive, hasFailed } = parts;
  const told = await historyOf(parts);
  check(told.damage === null || hasFailed, "the history is damaged", () => ({ self, damage: told.damage }));
  for (const entry of told.entries.values()) checkEntry(parts, entry);
  if (hasFailed) return;
  const { first, last, wasReset, entries } = told;
  check(
    entries.size === 0 || entries.size === last - first + 1,
    "an entry of the history is missing",
    () => ({
      self,
      first,
      last,
      entries: entries.size,
    }),
  );
  if (archive === null || archive.bytesMax < BYTES_ENOUGH || archive.ageMsMax < AGE_MS_ENOUGH) return;
  check(wasReset || first === 1, "the archive lacks the beginning", () => ({ self, first, last }));
}

async function historyOf({ disk, directory }: HistoryParts): Promise<Told> {
  const told = new Told();
  try {
    for await (const record of readLog({ disk, directory, compressors: [ECHO] })) told.take(record);
  } catch (error) {
    if (!(error instanceof LogDamage)) throw error;
    told.damage ??= error.message;
  }
  return told;
}

function checkEntry({ self, log }: HistoryParts, { index, term, payload }: Entry): void {
  const known = log.at(index);
  if (known === undefined) return;
  const same = known.term === term && Buffer.compare(known.payload, payload) === 0;
  check(same || index > log.highest, "the history holds an entry that was not committed there", () => ({
    self,
    index,
    term,
    knownTerm: known.term,
  }));
}
