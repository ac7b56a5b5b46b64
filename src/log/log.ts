// The log of one member: appends, snapshots and the removal of what snapshots made superfluous. Opening is in open.ts.
import { assert } from "../kernel/assert.ts";
import type { LogIndex, Term } from "../kernel/ids.ts";
import { asIndex } from "../kernel/ids.ts";
import type { Disk, Tracer } from "../kernel/ports.ts";
import type { Archive } from "./archive.ts";
import type { ArchiveHealth } from "./archive-health.ts";
import { LogFailure } from "./errors.ts";
import { isGroupName, writeGroupFile } from "./group-file.ts";
import type { LogLimits } from "./limits.ts";
import { memberIdUnitsMax } from "./limits.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { Position } from "./position.ts";
import type { Segment } from "./recovery.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import type { SnapshotReader } from "./snapshot-reader.ts";
import type { SnapshotSink, Snapshots } from "./snapshots.ts";
import type { HardState, HardStateUpdate, LogEntry, LogPoint, SnapshotMeta } from "./types.ts";

export interface AppendRequest {
  /** Indices ascending by one. The first may be at or below the end: it replaces what is there and all after it. */
  readonly entries?: readonly LogEntry[];
  readonly hardState?: HardStateUpdate;
}

export interface LogParts {
  readonly disk: Disk;
  readonly directory: string;
  readonly limits: LogLimits;
  readonly tracer: Tracer;
  readonly segments: Segment[];
  readonly position: Position;
  readonly writer: SegmentWriter;
  readonly snapshots: Snapshots;
  /** Takes what is compacted away; without one it is deleted. */
  readonly archive: Archive | undefined;
}

/** One member's log. After a LogFailure every call fails: the process must end (design, invariant 1). */
export class Log {
  readonly #parts: LogParts;
  readonly #exclusively = oneAtATime();

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /** Of the last entry appended, durable or not; the snapshot's if there are no entries after it. */
  get lastIndex(): LogIndex {
    return this.#parts.position.last;
  }

  /** The term of an appended entry, or of the point before the first; undefined if the index is not in the log. */
  termAt(index: LogIndex): Term | undefined {
    return this.#parts.position.termAt(index);
  }

  get snapshot(): SnapshotMeta | undefined {
    return this.#parts.snapshots.newest;
  }

  /** Bytes appended but not yet durable: the caller's measure for flow control. */
  get pendingBytes(): number {
    return this.#parts.writer.pendingBytes;
  }

  /**
   * Resolves when all of it is durable; appends become durable in the order of the calls. The payloads are copied
   * before this returns. Rejects with LogFailure. An empty request waits for all that was appended before.
   */
  append(request: AppendRequest): Promise<void> {
    const entries = request.entries ?? [];
    this.#checkEntries(entries);
    return this.#parts.writer.append(entries, this.#nextHardState(request.hardState));
  }

  /**
   * Writes a snapshot that replaces the entries up to and including the point; the entries stay until `compact`.
   * Rejects with LogFailure, or with whatever `chunks` threw, and then nothing has changed.
   */
  async writeSnapshot(
    point: LogPoint,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    this.#checkAlive();
    return this.#parts.snapshots.write(point, chunks);
  }

  /** Begins to take a snapshot streamed by the leader. After `finish` call `resetTo`. */
  async beginSnapshotReceive(point: LogPoint): Promise<SnapshotSink> {
    this.#checkAlive();
    return this.#parts.snapshots.beginReceive(point);
  }

  /** The newest snapshot, for reading in order or at random; undefined if there is none. The caller closes it. */
  readSnapshot(): Promise<SnapshotReader | undefined> {
    return this.#parts.snapshots.read();
  }

  /** Deletes the segments that hold only entries below `firstKept`, which may be one after the snapshot at most. */
  compact(firstKept: LogIndex): Promise<void> {
    const covered = this.snapshot?.index ?? 0;
    assert(firstKept <= covered + 1, "only what a snapshot covers may go", { firstKept, covered });
    return this.#removeSegments((segment) => segment.maxIndex < firstKept);
  }

  /**
   * Notes beside the log which group it belongs to: that is known also when the log is damaged. Durable when it resolves;
   * calls are made one after the other. @param name printable ASCII, 1 to groupCharactersMax characters
   */
  writeGroup(name: string): Promise<void> {
    assert(isGroupName(name), "a group has a short name", { name });
    this.#checkAlive();
    const { disk, directory } = this.#parts;
    return this.#guard("noting the group", () => writeGroupFile(disk, directory, name));
  }

  /** Undefined without an archive. */
  get archiveHealth(): ArchiveHealth | undefined {
    return this.#parts.archive?.health;
  }

  /** Resolves when all that was compacted away so far is compressed in the archive, if there is one that works. */
  async archived(): Promise<void> {
    await this.#parts.archive?.settled();
  }

  /**
   * After the newest snapshot was installed from a leader: drops all entries, unless the log has the snapshot's last
   * entry with the same term; then the entries after it stay (Raft paper, figure 13, steps 6 and 7).
   */
  async resetTo(point: LogPoint): Promise<{ readonly keptEntries: boolean }> {
    const { index, term } = this.snapshot ?? { index: 0, term: 0 };
    assert(index === point.index && term === point.term, "a reset to what is not the newest snapshot", {
      ...point,
    });
    if (this.#parts.position.termAt(point.index) === point.term) return { keptEntries: true };
    await this.#parts.writer.reset(point);
    await this.#removeSegments((segment) => segment.maxIndex === 0);
    return { keptEntries: false };
  }

  /** Waits for what was appended, marks the end as durable and closes the files. */
  async close(): Promise<void> {
    try {
      await this.#parts.writer.append([], undefined);
    } finally {
      await this.#parts.writer.close();
      await this.#parts.archive?.close();
    }
  }

  /** Oldest first, each durable before the next: what is left is always without gaps. The newest stays. */
  #removeSegments(isSuperfluous: (segment: Segment) => boolean): Promise<void> {
    const { segments, tracer } = this.#parts;
    return this.#exclusively(async () => {
      this.#checkAlive();
      for (let oldest = segments[0]; oldest !== undefined && segments.length > 1; oldest = segments[0]) {
        if (!isSuperfluous(oldest)) return;
        await this.#guard("removal", () => this.#remove(oldest));
        segments.shift();
        tracer.debug("log.segmentRemoved", { path: oldest.path });
      }
    });
  }

  async #remove(segment: Segment): Promise<void> {
    const { disk, directory, archive } = this.#parts;
    if (archive !== undefined) return archive.takeSegment(segment);
    await disk.remove(segment.path);
    await disk.syncDirectory(directory);
  }

  async #guard(operation: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw this.#parts.writer.fail(new LogFailure(operation, error));
    }
  }

  #checkAlive(): void {
    if (this.#parts.writer.failure !== undefined) throw this.#parts.writer.failure;
  }

  #checkEntries(entries: readonly LogEntry[]): void {
    const { position, limits } = this.#parts;
    const first = entries[0];
    if (first === undefined) return;
    const covered = this.#covered();
    assert(first.index > covered, "an entry that a snapshot covers is not to be replaced", {
      index: first.index,
      covered,
    });
    assert(first.index <= position.last + 1, "an entry leaves a gap", {
      index: first.index,
      last: position.last,
    });
    let term = position.termAt(first.index - 1) ?? 0;
    for (const [at, entry] of entries.entries()) {
      assert(entry.index === first.index + at, "entries are not in sequence", { index: entry.index });
      assert(entry.term >= term, "terms of entries never fall", { index: entry.index, term: entry.term });
      assert(entry.payload.length <= limits.entryBytesMax, "an entry is too large", { index: entry.index });
      term = entry.term;
    }
  }

  /**
   * The last entry that cannot change any more. A snapshot that a leader sent is the newest already before resetTo drops
   * the entries that it conflicts with or goes beyond; until then these may be replaced.
   */
  #covered(): LogIndex {
    const { position } = this.#parts;
    const { snapshot } = this;
    if (snapshot === undefined || position.termAt(snapshot.index) !== snapshot.term) return position.base;
    return asIndex(Math.max(snapshot.index, position.base));
  }

  #nextHardState(next: HardStateUpdate | undefined): HardState | undefined {
    if (next === undefined) return undefined;
    const { term, votedFor, healing } = this.#parts.writer.hardState;
    assert(next.term >= term, "the term never falls", { term, next: next.term });
    assert((next.votedFor ?? "").length <= memberIdUnitsMax, "a member's id is too long");
    if (next.term === term && votedFor !== null)
      assert(next.votedFor === votedFor, "a vote stays for its term", { term });
    return { term: next.term, votedFor: next.votedFor, healing: next.healing ?? healing };
  }
}
