// Everything that can be checked of a log at rest: checksums and chain, that indexes and terms go on without a gap, both
// copies of the hard state, every snapshot, and the state itself: entries are replayed from snapshot to snapshot, and
// the digests compared that the cluster recorded. Nothing is changed.
import { stateOf } from "../debugger/index.ts";
import type { LogPoint } from "../log/index.ts";
import { LogDamage, openSnapshot, readHardStateFile } from "../log/index.ts";
import type { Entry } from "../state/codec.ts";
import { evolve } from "../state/evolve.ts";
import { isOfThisFormat } from "../state/migrations/index.ts";
import type { ClusterState } from "../state/model.ts";
import { digest } from "../state/snapshot.ts";
import {
  contentOf,
  type EffectiveRecord,
  effectiveEntries,
  LOG_FOLDER,
  logRecords,
  readOptions,
  snapshotContent,
} from "./log-folder.ts";
import { nodeHash } from "./node-hash.ts";

/** Something that is not as it was written, or does not fit the rest. */
export interface Problem {
  /** File and byte, or entry. */
  readonly place: string;
  readonly why: string;
}

export interface Verified {
  readonly problems: readonly Problem[];
  readonly segments: number;
  readonly entries: number;
  /** 0 if there are no entries. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly snapshots: number;
  /** Snapshots whose state was reached by replay as well, and recorded digests that were compared. */
  readonly statesCompared: number;
  readonly digestsCompared: number;
}

/** @param onProgress called now and then with the index that is being replayed, and the last one */
export async function verifyLog(
  dataDirectory: string,
  onProgress: (index: number, last: number) => void = () => undefined,
): Promise<Verified> {
  const survey = await surveyOf(dataDirectory);
  const problems = [...survey.problems];
  problems.push(...(await checkHardState(dataDirectory)), ...(await checkSnapshots(dataDirectory, survey)));
  const replaying = new Replaying(dataDirectory, survey);
  try {
    for await (const record of effectiveEntries(dataDirectory)) {
      if (record.kind === "entry" && record.entry.index % PROGRESS_ENTRIES === 0)
        onProgress(record.entry.index, survey.lastIndex);
      await replaying.take(record);
    }
  } catch (error) {
    // Damage that keeps the folder from being listed was told by the survey.
    if (!(error instanceof LogDamage)) throw error;
  }
  const { entries, lastTerm, firstIndex, statesCompared, digestsCompared } = replaying;
  const { segments, lastIndex } = survey;
  return {
    problems: [...problems, ...replaying.problems],
    segments,
    entries,
    firstIndex,
    lastIndex,
    lastTerm,
    snapshots: survey.snapshots.length,
    statesCompared,
    digestsCompared,
  };
}

const PROGRESS_ENTRIES = 10_000;

interface Survey {
  readonly problems: readonly Problem[];
  readonly segments: number;
  readonly lastIndex: number;
  /** By index, ascending. */
  readonly snapshots: readonly LogPoint[];
  /** What the cluster recorded of the state as of an index. */
  readonly digests: ReadonlyMap<number, string>;
}

/** One pass over all records. */
async function surveyOf(dataDirectory: string): Promise<Survey> {
  const problems: Problem[] = [];
  const snapshots: LogPoint[] = [];
  const digests = new Map<number, string>();
  let segments = 0;
  let lastIndex = 0;
  try {
    for await (const record of logRecords(dataDirectory)) {
      if (record.kind === "snapshot") snapshots.push(record.point);
      if (record.kind === "segment") segments++;
      if (record.kind === "reset") lastIndex = record.point.index;
      if (record.kind === "damage") problems.push(damageAt(record.file, record.offset, record.why));
      if (record.kind !== "entry") continue;
      lastIndex = record.entry.index;
      for (const event of readable(record)?.events ?? [])
        if (event.kind === "DigestRecorded" && isOfThisFormat(event.digest))
          digests.set(event.index, event.digest);
    }
  } catch (error) {
    if (!(error instanceof LogDamage)) throw error;
    problems.push(damageAt(error.file, error.offset, error.why));
  }
  snapshots.sort((a, b) => a.index - b.index);
  return { problems, segments, lastIndex, snapshots, digests };
}

async function checkHardState(dataDirectory: string): Promise<readonly Problem[]> {
  const { disk } = readOptions(dataDirectory);
  // A folder of the first format has no such file.
  if (!(await disk.list(LOG_FOLDER)).includes("hard-state")) return [];
  // A running master may be in the middle of a write.
  for (let look = 0; look < 2; look++) if ((await readHardStateFile(disk, LOG_FOLDER)).isWhole) return [];
  const why = "one of its two slots is not as it was written; the next start of the master mends it";
  return [{ place: `${LOG_FOLDER}/hard-state`, why }];
}

async function checkSnapshots(dataDirectory: string, { snapshots }: Survey): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const point of snapshots) {
    try {
      await verifySnapshot(dataDirectory, point);
    } catch (error) {
      if (!(error instanceof LogDamage)) throw error;
      problems.push(damageAt(error.file, error.offset, error.why));
    }
  }
  return problems;
}

async function verifySnapshot(dataDirectory: string, point: LogPoint): Promise<void> {
  const reader = await openSnapshot(readOptions(dataDirectory), point);
  try {
    await reader?.verify();
  } finally {
    await reader?.close();
  }
}

/** The state from entry to entry, begun anew from a snapshot wherever entries are missing. */
class Replaying {
  readonly problems: Problem[] = [];
  entries = 0;
  firstIndex = 0;
  lastTerm = 0;
  statesCompared = 0;
  digestsCompared = 0;
  readonly #dataDirectory: string;
  readonly #survey: Survey;
  #state: ClusterState | null = null;
  /** As of this index; entries up to it are passed over. */
  #index = 0;

  constructor(dataDirectory: string, survey: Survey) {
    this.#dataDirectory = dataDirectory;
    this.#survey = survey;
    this.#state = emptyState();
  }

  async take(record: EffectiveRecord): Promise<void> {
    if (record.kind === "damage") return;
    const { index, term } = record.entry;
    this.entries++;
    if (this.firstIndex === 0) this.firstIndex = index;
    if (term < this.lastTerm)
      this.#problem(index, `its term ${term} is below that of the entry before, ${this.lastTerm}`);
    this.lastTerm = Math.max(term, this.lastTerm);
    if (index > this.#index + 1) await this.#beginBefore(index);
    if (this.#state === null || index !== this.#index + 1) return;
    this.#apply(this.#state, record);
    this.#index = index;
    await this.#compare(this.#state, index, term);
  }

  /** From the first snapshot that covers what comes before the entry. */
  async #beginBefore(index: number): Promise<void> {
    const start = this.#survey.snapshots.find((point) => point.index >= index - 1);
    const isHistory = this.#survey.snapshots.some((point) => point.index >= index);
    this.#state = null;
    if (start === undefined && !isHistory)
      this.#problem(index, "the entries before it are missing, and no snapshot covers them");
    if (start === undefined) return;
    this.#state = await this.#snapshotState(start);
    this.#index = start.index;
  }

  #apply(state: ClusterState, record: Extract<EffectiveRecord, { kind: "entry" }>): void {
    const content = readable(record);
    if (content === undefined) this.#problem(record.entry.index, "its content cannot be read");
    for (const event of content?.events ?? []) evolve(state, event, (content as Entry).time);
  }

  async #compare(state: ClusterState, index: number, term: number): Promise<void> {
    const recorded = this.#survey.digests.get(index);
    const point = this.#survey.snapshots.find((each) => each.index === index);
    if (recorded === undefined && point === undefined) return;
    const own = digest(state, undefined, nodeHash);
    if (recorded !== undefined) {
      this.digestsCompared++;
      if (recorded !== own)
        this.#problem(index, `the state after it has digest ${own}, the cluster recorded ${recorded}`);
    }
    if (point === undefined) return;
    if (point.term !== term)
      this.#problem(index, `it has term ${term}, the snapshot of that index ${point.term}`);
    const snapshot = await this.#snapshotState(point);
    if (snapshot === null) return;
    this.statesCompared++;
    if (digest(snapshot, undefined, nodeHash) !== own)
      this.#problem(index, "the snapshot of that index holds another state than the entries lead to");
  }

  /** Null if it cannot be read; damage was told before. */
  async #snapshotState(point: LogPoint): Promise<ClusterState | null> {
    const content = await snapshotContent(this.#dataDirectory, point).catch(() => undefined);
    const state = content === undefined ? undefined : stateOf(content);
    return state?.ok === true ? state.value : null;
  }

  #problem(index: number, why: string): void {
    this.problems.push({ place: `entry ${index}`, why });
  }
}

function emptyState(): ClusterState | null {
  const state = stateOf(undefined);
  return state.ok ? state.value : null;
}

/** Null for Raft's own entries, undefined for what cannot be decoded. */
function readable({ entry }: Extract<EffectiveRecord, { kind: "entry" }>): Entry | null | undefined {
  try {
    return contentOf(entry);
  } catch {
    return undefined;
  }
}

function damageAt(file: string, offset: number, why: string): Problem {
  return { place: `${file}, byte ${offset}`, why };
}
