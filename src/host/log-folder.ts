// A master's log folder and its archive for tools, also while the master runs: the entries that count, and the state
// before any of them.
// Nothing is changed on the disk.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { stateOf } from "../debugger/index.ts";
import {
  LogDamage,
  type LogEntry,
  type LogPoint,
  type LogRecord,
  openSnapshot,
  type ReadOptions,
  readLog,
} from "../log/index.ts";
import { decodeMembership } from "../master/membership-header.ts";
import { isOwn } from "../raft/index.ts";
import { decodeEntry, type Entry } from "../state/codec.ts";
import { evolve } from "../state/evolve.ts";
import type { ClusterState } from "../state/model.ts";
import { compressors } from "./compression.ts";
import { createReadOnlyNodeDisk } from "./node-disk.ts";

export const LOG_FOLDER = "log";

/** All records in the order on disk. @throws Error if there is no log */
export async function* logRecords(dataDirectory: string): AsyncGenerator<LogRecord> {
  const directory = join(dataDirectory, LOG_FOLDER);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new Error(`${directory} is no log; give a master's data directory`);
  }
  yield* readLog(readOptions(dataDirectory));
}

/** For the log room's own readers. */
export function readOptions(dataDirectory: string): ReadOptions {
  return { disk: createReadOnlyNodeDisk(dataDirectory), directory: LOG_FOLDER, compressors: compressors() };
}

export type EffectiveRecord =
  | Extract<LogRecord, { kind: "damage" }>
  | { readonly kind: "entry"; readonly entry: LogEntry };

/**
 * The entries that no later one has replaced (a new leader overwrites what was never committed), ascending. Two passes
 * over the folder: what is appended in between is left out.
 */
export async function* effectiveEntries(dataDirectory: string): AsyncGenerator<EffectiveRecord> {
  const positions = new Set(await effectivePositions(dataDirectory));
  let position = 0;
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind === "damage") yield record;
    if (record.kind === "entry" && positions.has(position++)) yield record;
  }
}

/**
 * Positions among the entries on disk. A reset makes void what no snapshot vouches for: where an entry has the index and
 * the term of a snapshot, it and all before it are the cluster's (Raft paper, log matching).
 */
async function effectivePositions(dataDirectory: string): Promise<number[]> {
  const kept: { readonly index: number; readonly term: number; readonly position: number }[] = [];
  const snapshots: LogPoint[] = [];
  const isVouched = ({ index, term }: { index: number; term: number }): boolean =>
    snapshots.some((point) => point.index === index && point.term === term);
  let position = 0;
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind === "snapshot") snapshots.push(record.point);
    if (record.kind === "reset") kept.length = kept.findLastIndex(isVouched) + 1;
    if (record.kind !== "entry") continue;
    while ((kept.at(-1)?.index ?? 0) >= record.entry.index) kept.pop();
    kept.push({ index: record.entry.index, term: record.entry.term, position: position++ });
  }
  return kept.map((each) => each.position);
}

/** The content of an entry; null for Raft's own. @throws Error if a newer version wrote it */
export function contentOf({ index, payload }: LogEntry): Entry | null {
  if (isOwn({ payload })) return null;
  const entry = decodeEntry(payload);
  if (!entry.ok) throw new Error(`entry ${index}: ${entry.error.message}`);
  return entry.value;
}

/** The state after the entry before this one. @throws Error if the log does not reach back far enough */
export async function stateBefore(dataDirectory: string, index: number): Promise<ClusterState> {
  const { snapshot, state } = await newestStateBefore(dataDirectory, index);
  if (!state.ok) throw new Error(state.error.message);
  let next = (snapshot?.index ?? 0) + 1;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage" || record.entry.index < next) continue;
    if (record.entry.index >= index) break;
    if (record.entry.index > next)
      throw new Error(`entries ${next} to ${record.entry.index - 1} are not kept any more`);
    next++;
    const content = contentOf(record.entry);
    for (const event of content?.events ?? []) evolve(state.value, event, (content as Entry).time);
  }
  if (next < index) throw new Error(`the log ends before entry ${index}`);
  return state.value;
}

/** Of the newest good snapshot; the one before leads to the same state, if the entries in between are kept. */
async function newestStateBefore(dataDirectory: string, index: number) {
  const snapshots: LogPoint[] = [];
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind !== "snapshot") break;
    if (record.point.index < index) snapshots.push(record.point);
  }
  for (const snapshot of snapshots.sort((a, b) => b.index - a.index)) {
    try {
      return { snapshot, state: stateOf(await snapshotContent(dataDirectory, snapshot)) };
    } catch (error) {
      if (!(error instanceof LogDamage)) throw error;
    }
  }
  return { snapshot: null, state: stateOf(undefined) };
}

/** The packed state in a snapshot of the log or its archive. @throws LogDamage */
export async function snapshotContent(dataDirectory: string, point: LogPoint): Promise<Uint8Array> {
  const reader = await openSnapshot(readOptions(dataDirectory), point);
  if (reader === undefined) throw new Error(`the snapshot of entry ${point.index} has gone away; try again`);
  try {
    const whole = await reader.read(0, reader.meta.bytes);
    return whole.subarray(decodeMembership(whole).end);
  } finally {
    await reader.close();
  }
}
