// A new cluster out of one surviving log (`tepui recover`): first what is there and what may be lost, then an entry in
// a higher term that makes this member the only voter. The log's folder is copied before it is written to.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { asIndex, asTerm, type GroupId, type LogIndex, type MemberId, type Term } from "../kernel/ids.ts";
import type { Random } from "../kernel/ports.ts";
import { LogDamage, type LogPoint, openLog, openSnapshot } from "../log/index.ts";
import { decodeMembership, MEMBERSHIP_BYTES_MAX } from "../master/membership-header.ts";
import {
  type Contact,
  decodeMembershipEntry,
  drawGroupId,
  encodeMembershipEntry,
  type Membership,
} from "../raft/index.ts";
import { isTerminal } from "../state/statuses.ts";
import { copyTree } from "./copy-tree.ts";
import {
  contentOf,
  effectiveEntries,
  LOG_FOLDER,
  logRecords,
  readOptions,
  stateBefore,
} from "./log-folder.ts";
import { createNodeDisk } from "./node-disk.ts";

/** What a surviving data directory holds. */
export interface Survivor {
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Entries up to here are known to have been committed; later ones may or may not have been acknowledged. */
  readonly committedIndex: LogIndex;
  /** The newest membership in log or snapshot; null for a cluster that never changed its founding members. */
  readonly membership: Membership | null;
  readonly frameworks: number;
  readonly agents: number;
  /** Tasks that have not ended. */
  readonly tasks: number;
  /** Damage that was found; what follows it will be cut. */
  readonly damage: readonly string[];
}

/** Changes nothing. @throws Error if there is no log, or its state cannot be rebuilt */
export async function surveySurvivor(dataDirectory: string): Promise<Survivor> {
  const { snapshotIndex, snapshotTerm, membership: old, damage } = await surveyRecords(dataDirectory);
  let last: LogPoint = { index: snapshotIndex, term: snapshotTerm };
  let membership = old;
  let committed: number = snapshotIndex;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage" || record.entry.index <= snapshotIndex) continue;
    last = record.entry;
    membership = decodeMembershipEntry(record.entry.payload) ?? membership;
    for (const event of contentOf(record.entry)?.events ?? [])
      if (event.kind === "DigestRecorded") committed = Math.max(committed, event.index);
  }
  if (last.index === 0) throw new Error(`${dataDirectory} holds no entries: there is nothing to recover`);
  const state = await stateBefore(dataDirectory, last.index + 1);
  const tasks = [...state.frameworks.values()].flatMap((framework) => [...framework.tasks.values()]);
  return {
    lastIndex: last.index,
    lastTerm: last.term,
    committedIndex: asIndex(Math.min(committed, last.index)),
    membership,
    frameworks: state.frameworks.size,
    agents: state.agents.size,
    tasks: tasks.filter((task) => !isTerminal(task.state)).length,
    damage,
  };
}

interface Records {
  readonly snapshotIndex: LogIndex;
  readonly snapshotTerm: Term;
  /** In front of the newest snapshot. */
  readonly membership: Membership | null;
  readonly damage: readonly string[];
}

async function surveyRecords(dataDirectory: string): Promise<Records> {
  const damage: string[] = [];
  const snapshots: LogPoint[] = [];
  let [isArchived, first] = [false, Number.POSITIVE_INFINITY];
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind === "snapshot" && !record.isArchived) snapshots.push(record.point);
    if (record.kind === "damage") damage.push(`${record.file}, byte ${record.offset}: ${record.why}`);
    if (record.kind === "segment") isArchived = record.isArchived;
    if (isArchived) continue;
    if (record.kind === "segment") first = Math.min(first, record.header.firstIndex);
    if (record.kind === "entry") first = Math.min(first, record.entry.index);
    if (record.kind === "reset") first = record.point.index + 1;
  }
  const { snapshot, membership, skipped } = await newestGood(dataDirectory, snapshots);
  if (first !== Number.POSITIVE_INFINITY && first > snapshot.index + 1) {
    const why = skipped.length === 0 ? "is missing" : `is damaged (${skipped.join("; ")})`;
    throw new Error(`the snapshot that leads up to entry ${first} ${why}: opening would drop all entries`);
  }
  const { index: snapshotIndex, term: snapshotTerm } = snapshot;
  return { snapshotIndex, snapshotTerm, membership, damage: [...damage, ...skipped] };
}

/** As opening will do: the log itself, without the archive, goes on from there. */
async function newestGood(dataDirectory: string, snapshots: LogPoint[]) {
  const skipped: string[] = [];
  for (const snapshot of snapshots.sort((a, b) => b.index - a.index || b.term - a.term)) {
    try {
      return { snapshot, membership: await membershipIn(dataDirectory, snapshot), skipped };
    } catch (error) {
      if (!(error instanceof LogDamage)) throw error;
      skipped.push(`${error.file}, byte ${error.offset}: ${error.why}`);
    }
  }
  return { snapshot: { index: asIndex(0), term: asTerm(0) }, membership: null, skipped };
}

async function membershipIn(dataDirectory: string, snapshot: LogPoint): Promise<Membership | null> {
  const reader = await openSnapshot(readOptions(dataDirectory), snapshot);
  if (reader === undefined) return null;
  try {
    await reader.verify();
    return decodeMembership(await reader.read(0, MEMBERSHIP_BYTES_MAX)).membership;
  } finally {
    await reader.close();
  }
}

export interface Recovered {
  /** Of the entry that begins the new cluster. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Of the new group: members of the old one and this one refuse each other. */
  readonly groupId: GroupId;
  /** The folder as it was. */
  readonly backup: string;
}

/** @throws LogDamage or LogFailure; the backup is complete and durable before anything is changed */
export async function recoverAlone(
  dataDirectory: string,
  self: MemberId,
  contact: Contact,
  random: Random,
): Promise<Recovered> {
  const backup = await backUp(dataDirectory);
  const { log, hardState } = await openLog({
    disk: createNodeDisk(dataDirectory),
    directory: LOG_FOLDER,
    repair: "salvage",
  });
  const term = asTerm(Math.max(hardState.term, log.termAt(log.lastIndex) ?? 0) + 1);
  const groupId = drawGroupId(random);
  const membership = { voters: [self], outgoing: [], learners: [], contacts: { [self]: contact }, groupId };
  const entry = { index: asIndex(log.lastIndex + 1), term, payload: encodeMembershipEntry(membership) };
  await log.append({ hardState: { term, votedFor: self, healing: false }, entries: [entry] });
  await log.writeGroup(groupId);
  await log.close();
  return { index: entry.index, term, groupId, backup };
}

/** The log's folder under another name. */
async function backUp(dataDirectory: string): Promise<string> {
  const from = join(dataDirectory, LOG_FOLDER);
  const to = `${from}.before-recover-${new Date().toISOString().replaceAll(":", "-")}`;
  await copyTree(from, to);
  const parent = await open(dataDirectory, "r");
  await parent.sync();
  await parent.close();
  return to;
}
