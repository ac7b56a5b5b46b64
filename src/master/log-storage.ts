// The log as Raft's storage port. The two rooms do not know each other; what differs between them is settled here: a
// snapshot's membership, which the log has no place for, is written in front of its content.
import { assert } from "../kernel/assert.ts";
import { asId, type GroupId, type LogIndex } from "../kernel/ids.ts";
import type { ArchiveHealth, Log, OpenedLog, SnapshotReader } from "../log/index.ts";
import type {
  AppendBatch,
  Membership,
  RaftStorage,
  Recovered,
  SnapshotMeta,
  SnapshotSink,
} from "../raft/index.ts";
import { decodeMembership, encodeMembership, MEMBERSHIP_BYTES_MAX } from "./membership-header.ts";

export class LogStorage implements RaftStorage {
  readonly recovered: Recovered;
  private readonly log: Log;
  private newest: SnapshotMeta | undefined;
  /** Of the newest snapshot, while it is being read, and of those that are kept. Their files may be removed already. */
  private readonly readers: Map<LogIndex, SnapshotReader> = new Map();
  private kept: readonly LogIndex[] = [];

  private constructor(opened: OpenedLog, membership: Membership | undefined) {
    const { log, hardState, snapshot, entries, group } = opened;
    this.log = log;
    if (snapshot !== undefined && membership !== undefined) {
      this.newest = { index: snapshot.index, term: snapshot.term, membership };
    }
    const groupId = group === undefined ? undefined : asId<GroupId>(group);
    this.recovered = { hardState, snapshot: this.newest, entries, groupId };
  }

  /** @throws LogDamage if the snapshot cannot be read */
  static async open(opened: OpenedLog): Promise<LogStorage> {
    const reader = await opened.log.readSnapshot();
    if (reader === undefined) return new LogStorage(opened, undefined);
    try {
      return new LogStorage(opened, decodeMembership(await reader.read(0, MEMBERSHIP_BYTES_MAX)).membership);
    } finally {
      await reader.close();
    }
  }

  append(batch: AppendBatch): Promise<void> {
    return this.log.append(batch);
  }

  async writeSnapshot(
    meta: SnapshotMeta,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.log.writeSnapshot(meta, withHeader(meta.membership, chunks));
    await this.replaceNewest(meta);
  }

  /** The leader sends its snapshot as it is on its disk, so the header is in what arrives. */
  beginSnapshotReceive(meta: SnapshotMeta): SnapshotSink {
    const opening = this.log.beginSnapshotReceive(meta);
    // A failure to open is told by the first write; without this it would also count as unhandled.
    opening.catch(() => undefined);
    let offset = 0;
    return {
      async write(bytes) {
        offset = await (await opening).write(offset, bytes);
      },
      finish: async () => {
        await (await opening).finish();
        await this.replaceNewest(meta);
      },
      async abort() {
        await (await opening).abort();
      },
    };
  }

  async readSnapshotChunk(
    { index }: SnapshotMeta,
    offset: number,
    length: number,
  ): Promise<Uint8Array | undefined> {
    const reader = this.readers.get(index) ?? (await this.openNewest(index));
    return reader?.read(offset, length);
  }

  async snapshotDigest({ index }: SnapshotMeta): Promise<string | undefined> {
    return (this.readers.get(index) ?? (await this.openNewest(index)))?.digest;
  }

  async keepSnapshots(indexes: readonly LogIndex[]): Promise<void> {
    this.kept = indexes;
    if (
      this.newest !== undefined &&
      indexes.includes(this.newest.index) &&
      !this.readers.has(this.newest.index)
    )
      await this.openNewest(this.newest.index);
    await this.closeReaders((index) => index !== this.newest?.index && !indexes.includes(index));
  }

  snapshot(): SnapshotMeta | undefined {
    return this.newest;
  }

  compact(firstKept: LogIndex): Promise<void> {
    return this.log.compact(firstKept);
  }

  rememberGroup(groupId: GroupId): Promise<void> {
    return this.log.writeGroup(groupId);
  }

  async resetTo(meta: SnapshotMeta): Promise<void> {
    await this.log.resetTo({ index: meta.index, term: meta.term });
  }

  /** Null without an archive. */
  archiveHealth(): ArchiveHealth | null {
    return this.log.archiveHealth ?? null;
  }

  async close(): Promise<void> {
    await this.closeReaders(() => true);
    await this.log.close();
  }

  private async replaceNewest(meta: SnapshotMeta): Promise<void> {
    this.newest = meta;
    await this.closeReaders((index) => !this.kept.includes(index));
  }

  /** Undefined if the newest snapshot is another one. */
  private async openNewest(index: LogIndex): Promise<SnapshotReader | undefined> {
    if (this.newest?.index !== index) return undefined;
    const reader = await this.log.readSnapshot();
    assert(reader?.meta.index === index, "the newest snapshot is the one that was published last", { index });
    this.readers.set(index, reader);
    return reader;
  }

  private async closeReaders(isOver: (index: LogIndex) => boolean): Promise<void> {
    for (const [index, reader] of [...this.readers]) {
      if (!isOver(index)) continue;
      this.readers.delete(index);
      await reader.close();
    }
  }
}

async function* withHeader(
  membership: Membership,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield encodeMembership(membership);
  yield* chunks;
}
