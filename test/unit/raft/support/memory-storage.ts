// A disk in memory that takes its time, may refuse, and after a crash holds what was durable by then.
import { asTerm, type GroupId, type LogIndex } from "../../../../src/kernel/ids.ts";
import type { Clock } from "../../../../src/kernel/ports.ts";
import { crc32c } from "../../../../src/log/index.ts";
import type {
  AppendBatch,
  Entry,
  HardState,
  RaftStorage,
  Recovered,
  SnapshotMeta,
  SnapshotSink,
} from "../../../../src/raft/index.ts";

export class MemoryStorage implements RaftStorage {
  hardState: HardState = { term: asTerm(0), votedFor: null, healing: false };
  entries: Entry[] = [];
  private saved: { readonly meta: SnapshotMeta; readonly bytes: Uint8Array } | undefined;
  private kept: { readonly meta: SnapshotMeta; readonly bytes: Uint8Array }[] = [];
  private readonly clock: Clock;
  /** The incarnation of the process; what an earlier one has under way is lost. */
  private incarnation = 0;
  groupId: GroupId | undefined;
  delayMs = 1;
  /** Rejects from now on. */
  broken = false;
  /** Never answers from now on. */
  hung = false;
  appends = 0;
  firstKept = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  crash(): Recovered {
    this.incarnation++;
    this.kept = [];
    this.broken = false;
    this.hung = false;
    const { hardState, groupId } = this;
    return { hardState, snapshot: this.saved?.meta, entries: [...this.entries], groupId };
  }

  rememberGroup(groupId: GroupId): Promise<void> {
    return this.durable(() => {
      this.groupId = groupId;
    });
  }

  append(batch: AppendBatch): Promise<void> {
    this.appends++;
    return this.durable(() => {
      if (batch.hardState !== undefined) this.hardState = batch.hardState;
      const first = batch.entries?.[0];
      if (batch.entries === undefined || first === undefined) return;
      const last = this.entries.at(-1)?.index ?? this.saved?.meta.index ?? 0;
      if (first.index > last + 1) throw new Error(`a gap: entry ${first.index} after ${last}`);
      this.entries = this.entries.filter((entry) => entry.index < first.index).concat(batch.entries);
    });
  }

  async writeSnapshot(
    meta: SnapshotMeta,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const bytes: number[] = [];
    for await (const chunk of chunks) bytes.push(...chunk);
    await this.durable(() => {
      this.saved = { meta, bytes: Uint8Array.from(bytes) };
    });
  }

  beginSnapshotReceive(meta: SnapshotMeta): SnapshotSink {
    const bytes: number[] = [];
    return {
      write: (chunk) =>
        this.durable(() => {
          bytes.push(...chunk);
        }),
      finish: () =>
        this.durable(() => {
          this.saved = { meta, bytes: Uint8Array.from(bytes) };
        }),
      abort: () => Promise.resolve(),
    };
  }

  async readSnapshotChunk(
    { index }: SnapshotMeta,
    offset: number,
    length: number,
  ): Promise<Uint8Array | undefined> {
    await this.durable(() => undefined);
    const known = [...this.kept, ...(this.saved === undefined ? [] : [this.saved])];
    return known.find(({ meta }) => meta.index === index)?.bytes.slice(offset, offset + length);
  }

  async snapshotDigest({ index }: SnapshotMeta): Promise<string | undefined> {
    const known = [...this.kept, ...(this.saved === undefined ? [] : [this.saved])];
    const found = known.find(({ meta }) => meta.index === index);
    return found && `${found.bytes.length}-${crc32c(found.bytes, 0, found.bytes.length)}`;
  }

  async keepSnapshots(indexes: readonly LogIndex[]): Promise<void> {
    const known = [...this.kept, ...(this.saved === undefined ? [] : [this.saved])];
    this.kept = known.filter(({ meta }) => indexes.includes(meta.index));
  }

  snapshot(): SnapshotMeta | undefined {
    return this.saved?.meta;
  }

  compact(firstKept: LogIndex): Promise<void> {
    return this.durable(() => {
      this.firstKept = firstKept;
      this.entries = this.entries.filter((entry) => entry.index >= firstKept);
    });
  }

  resetTo(): Promise<void> {
    return this.durable(() => {
      this.entries = [];
    });
  }

  private durable(effect: () => void): Promise<void> {
    const { incarnation } = this;
    return new Promise((resolve, reject) => {
      this.clock.after(this.delayMs, () => {
        if (incarnation !== this.incarnation || this.hung) return;
        if (this.broken) {
          reject(new Error("the disk is broken"));
          return;
        }
        effect();
        resolve();
      });
    });
  }
}
