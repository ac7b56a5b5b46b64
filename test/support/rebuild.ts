// The state rebuilt from what a stopped master has on its disk, by the project's own log and debugger.

import { join } from "node:path";
import { replay } from "../../src/debugger/index.ts";
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { type LogEntry, openLog, type SnapshotMeta } from "../../src/log/index.ts";
import { decodeMembership } from "../../src/master/membership-header.ts";
import { isOwn } from "../../src/raft/index.ts";
import { decodeEntry, type Entry } from "../../src/state/codec.ts";
import type { ClusterState } from "../../src/state/model.ts";
import { encodeSnapshot } from "../../src/state/snapshot.ts";

export interface MemberLog {
  readonly name: string;
  /** The newest snapshot. */
  readonly snapshot: (SnapshotMeta & { readonly content: Uint8Array }) | undefined;
  /** Ascending without gaps; often from before the snapshot. */
  readonly entries: readonly LogEntry[];
}

/** Opens a stopped master's log as the master itself would, and closes it. */
export async function readMember(dataDirectory: string, name: string): Promise<MemberLog> {
  const disk = createNodeDisk(join(dataDirectory, name));
  const { log, snapshot, entries } = await openLog({ disk, directory: "log" });
  const reader = await log.readSnapshot();
  const whole = await reader?.read(0, snapshot?.bytes ?? 0);
  await reader?.close();
  await log.close();
  if (snapshot === undefined || whole === undefined) return { name, snapshot: undefined, entries };
  return { name, snapshot: { ...snapshot, content: whole.subarray(decodeMembership(whole).end) }, entries };
}

/**
 * The highest index at which all logs have an entry of the same term: up to there they are the same (Raft paper, log
 * matching), while what follows may never have been committed.
 */
export function commonIndex(logs: readonly MemberLog[]): number {
  const [first, ...others] = logs.map(termsByIndex);
  const common = [...(first ?? [])].filter(([index, term]) =>
    others.every((terms) => terms.get(index) === term),
  );
  return Math.max(...common.map(([index]) => index));
}

/** Snapshot as bytes of the state after the entry with this index, from the newest snapshot or else from nothing. */
export function rebuild(log: MemberLog, index: number): Uint8Array {
  return encodeSnapshot(stateAt(log, index));
}

export function stateAt({ name, snapshot, entries }: MemberLog, index: number): ClusterState {
  const from = snapshot !== undefined && snapshot.index <= index ? snapshot : undefined;
  const first = (from?.index ?? 0) + 1;
  const wanted = entries.filter((entry) => entry.index >= first && entry.index <= index);
  if (wanted.length !== index - first + 1)
    throw new Error(`${name} has not all entries ${first} to ${index}`);
  const state = replay(from?.content, decoded(wanted));
  if (!state.ok) throw new Error(`${name}: ${state.error.message}`);
  return state.value;
}

/** Without Raft's own entries. */
export function* decoded(entries: readonly LogEntry[]): Generator<Entry> {
  for (const { index, payload } of entries) {
    if (isOwn({ payload })) continue;
    const entry = decodeEntry(payload);
    if (!entry.ok) throw new Error(`entry ${index}: ${entry.error.message}`);
    yield entry.value;
  }
}

function termsByIndex({ snapshot, entries }: MemberLog): Map<number, number> {
  const terms = new Map<number, number>(entries.map(({ index, term }) => [index, term]));
  if (snapshot !== undefined) terms.set(snapshot.index, snapshot.term);
  return terms;
}
