// Records a member's log for test/histories: a seeded life of a cluster with every kind of event in it, written by this
// version of the program. Run for each new version of the log or event format until that is released, never again for an
// old one, with a seed whose life has all kinds in it: node test/histories/record.ts test/histories/v<N> <N> <seed>, and
// git add --force, for *.log is ignored.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import zlib from "node:zlib";
import { contentOf, effectiveEntries, stateBefore } from "../../src/host/log-folder.ts";
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { asId, asIndex, asTerm, type GroupId, type MemberId, type TaskId } from "../../src/kernel/ids.ts";
import { seededRandom } from "../../src/kernel/random.ts";
import { formatVersion } from "../../src/log/format.ts";
import { openLog } from "../../src/log/index.ts";
import { encodeMembership } from "../../src/master/membership-header.ts";
import { type Entry, EVENT_KINDS, encodeEntry } from "../../src/state/codec.ts";
import type { Event } from "../../src/state/events.ts";
import { evolve } from "../../src/state/evolve.ts";
import { FORMAT_VERSION } from "../../src/state/migrations/index.ts";
import { pairsOf } from "../../src/state/pairs.ts";
import { digest, digestOf, encodeSnapshot } from "../../src/state/snapshot.ts";
import { Cluster } from "../unit/state/cluster.ts";
import { begin, take } from "../unit/state/random-commands.ts";

const [, , target = "", version = "2", seed = "e"] = process.argv;
const STEPS = 1_500;
const SNAPSHOT_AT = 150;
const MEMBERSHIP_AT = 40;
const TERM_CHANGE_AT = 180;
const isFirst = version === "1";
/** Raft's own, which the cluster's count does not know. */
const ENTRIES_BEFORE_SNAPSHOT = isFirst ? 0 : 1;

/** After the entry that adds a member; version 1 had no such entries. */
const GROWN = {
  voters: [asId<MemberId>("m1"), asId<MemberId>("m2")],
  outgoing: [],
  learners: [],
  contacts: {
    m1: { raftAddress: "h1:1", apiAddress: "h1:2" },
    m2: { raftAddress: "h2:1", apiAddress: "h2:2" },
  },
  groupId: asId<GroupId>("00112233445566778899aabbccddeeff"),
};

interface Life {
  readonly entries: readonly Entry[];
  /** Of the state after so many entries. */
  readonly snapshot: Uint8Array;
  readonly snapshotAfter: number;
}

function live(): Life {
  const cluster = new Cluster();
  const random = seededRandom(seed);
  begin(cluster);
  let snapshot: Uint8Array | undefined;
  let snapshotAfter = 0;
  const rare = [refuseOperation, happenInParts, answerInverseOffer];
  for (let step = 0; step < STEPS; step++) {
    const number = (): number => random.uint32() % 1_000_001;
    take(cluster, { what: random.uint32() % 100, a: number(), b: number(), c: number() });
    if (step > STEPS / 3 && rare[0]?.(cluster) === true) rare.shift();
    if (snapshot === undefined && cluster.log.length >= SNAPSHOT_AT) {
      snapshotAfter = cluster.log.length;
      snapshot = encodeSnapshot(cluster.state);
      const index = asIndex(snapshotAfter + ENTRIES_BEFORE_SNAPSHOT);
      cluster.do({ kind: "record-digest", index, digest: digestOf(snapshot) });
    }
  }
  return { entries: cluster.log, snapshotAfter, snapshot: snapshot ?? new Uint8Array(0) };
}

/** What random commands hardly ever lead to. @returns whether it could be done */
function refuseOperation(cluster: Cluster): boolean {
  cluster.allocate();
  const [offer] = cluster.state.offers.values();
  if (offer === undefined) return false;
  cluster.acceptWith([offer], [{ kind: "unsupported", type: "RESERVE", operationId: "op-1", tasks: [] }]);
  return true;
}

function answerInverseOffer(cluster: Cluster): boolean {
  for (const [, frameworkId, { offerId }] of pairsOf(cluster.state.maintenance.inverse)) {
    if (offerId === null) continue;
    const answer = { frameworkId, offerIds: [offerId], status: "ACCEPT", refuseMs: 5_000 } as const;
    cluster.do({ kind: "answer-inverse-offers", ...answer });
    return true;
  }
  return false;
}

/** What agents with thousands of tasks would bring about. */
function happenInParts({ state, log }: Cluster): boolean {
  const agent = [...state.agents.values()].find(({ tasks }) => tasks.size > 0);
  const [frameworkId] = state.frameworks.keys();
  if (agent === undefined || frameworkId === undefined) return false;
  const kill = [{ frameworkId, taskId: asId<TaskId>("strange") }];
  const corrections = { run: [], kill, shutdownExecutors: [], shutdownFrameworks: [] };
  const events: readonly Event[] = [
    { kind: "AgentCorrected", agentId: agent.id, lostExecutors: [], corrections },
    { kind: "AgentHistoryForgotten", agentId: agent.id, tasks: 1, executors: 1 },
  ];
  const { time } = state;
  for (const event of events) evolve(state, event, time);
  log.push({ time, events });
  return true;
}

async function write(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const disk = createNodeDisk(folder);
  const { entries, snapshot, snapshotAfter } = live();
  const compressor = {
    suffix: ".gz",
    compress: async (piece: Uint8Array) => new Uint8Array(zlib.gzipSync(piece)),
    decompress: async (piece: Uint8Array) => new Uint8Array(zlib.gunzipSync(piece)),
  };
  const clock = {
    wallMs: () => 1_800_000_000_000 as never,
    monotonicMs: () => 0 as never,
    after: () => ({ cancel: () => undefined }),
  };
  const limits = {
    segmentBytesMax: 96 * 1024,
    batchBytesMax: 32 * 1024,
    entryBytesMax: 16 * 1024,
    preallocateBytes: 0,
  };
  const archive = isFirst ? {} : { archive: { bytesMax: 1e9, ageMsMax: 1e15, compressor, clock } };
  const { log } = await openLog({ disk, directory: "log", limits, ...archive });
  await log.append({ hardState: { term: asTerm(1), votedFor: asId("m1") } });
  const membership = isFirst ? { voters: [asId("m1")], outgoing: [], learners: [] } : GROWN;
  let index = 0;
  const append = async (payload: Uint8Array, term: number): Promise<void> => {
    index += 1;
    await log.append({ entries: [{ index: asIndex(index), term: asTerm(term), payload }] });
  };
  for (const [at, entry] of entries.entries()) {
    const term = at < TERM_CHANGE_AT ? 1 : 3;
    if (at === TERM_CHANGE_AT) await changeTerm();
    await append(encodeEntry(entry), term);
    if (at + 1 === snapshotAfter) {
      const point = { index: asIndex(index), term: asTerm(term) };
      await log.writeSnapshot(point, [encodeMembership(membership as never), snapshot]);
    }
    if (at === MEMBERSHIP_AT && !isFirst) await addMember();
  }
  if (!isFirst) {
    await log.compact(asIndex(snapshotAfter));
    await log.archived();
  }
  await log.close();

  /** Entries of a leader that was not followed are replaced; the new one begins with a no-op. */
  async function changeTerm(): Promise<void> {
    for (const lost of entries.slice(0, 3)) await append(encodeEntry(lost), 2);
    index -= 3;
    await log.append({ hardState: { term: asTerm(3), votedFor: asId("m2") } });
    await append(new Uint8Array(0), 3);
  }

  async function addMember(): Promise<void> {
    const { encodeMembershipEntry } = await import("../../src/raft/index.ts");
    await append(encodeMembershipEntry(GROWN), 1);
  }
}

/** What test/unit/log/histories.test.ts compares. @throws Error if the life lacks a kind of event: take another seed */
async function expectedOf(folder: string): Promise<object> {
  const kinds = new Set<string>();
  let last = { index: 0, term: 0 };
  for await (const record of effectiveEntries(folder)) {
    if (record.kind === "damage") throw new Error(`${record.file}: ${record.why}`);
    last = record.entry;
    for (const event of contentOf(record.entry)?.events ?? []) kinds.add(event.kind);
  }
  const missing = Object.keys(EVENT_KINDS).filter((kind) => !kinds.has(kind));
  if (missing.length > 0) throw new Error(`seed "${seed}" has no ${missing.join(", ")}: take another`);
  const files = await readdir(join(folder, "log"));
  const snapshot = Number.parseInt(files.find((name) => name.endsWith(".snap")) ?? "0", 16);
  const digests: Record<string, string> = {};
  for (const index of [1, 60, snapshot, snapshot + 40, last.index]) {
    digests[index] = digest(await stateBefore(folder, index + 1));
  }
  return {
    logFormat: formatVersion,
    eventFormat: FORMAT_VERSION,
    lastIndex: last.index,
    lastTerm: last.term,
    hardState: { term: 3, votedFor: "m2" },
    snapshot,
    kinds: [...kinds].sort(),
    digests: { [FORMAT_VERSION]: digests },
  };
}

await write(join(target));
await writeFile(join(target, "expected.json"), `${JSON.stringify(await expectedOf(target), null, 2)}\n`);
