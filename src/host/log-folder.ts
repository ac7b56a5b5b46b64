// A master's log folder for tools, also while the master runs: the entries that count, and the state before any of them.
// Nothing is changed on the disk.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { replay, stateOf } from "../debugger/index.ts";
import { type LogEntry, type LogRecord, readLog, SnapshotReader } from "../log/index.ts";
import { decodeMembership } from "../master/membership-header.ts";
import { isOwn } from "../raft/index.ts";
import { decodeEntry, type Entry } from "../state/codec.ts";
import type { ClusterState } from "../state/model.ts";
import { createNodeDisk } from "./node-disk.ts";

const LOG_FOLDER = "log";

/** All records in the order on disk. @throws Error if there is no log */
export async function* logRecords(dataDirectory: string): AsyncGenerator<LogRecord> {
  const directory = join(dataDirectory, LOG_FOLDER);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new Error(`${directory} is no log; give a master's data directory`);
  }
  yield* readLog({ disk: createNodeDisk(dataDirectory), directory: LOG_FOLDER });
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

/** Positions among the entries on disk. */
async function effectivePositions(dataDirectory: string): Promise<number[]> {
  const kept: { readonly index: number; readonly position: number }[] = [];
  let position = 0;
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind === "reset") kept.length = 0;
    if (record.kind !== "entry") continue;
    while ((kept.at(-1)?.index ?? 0) >= record.entry.index) kept.pop();
    kept.push({ index: record.entry.index, position: position++ });
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
  const snapshot = await newestSnapshotBefore(dataDirectory, index);
  const entries: Entry[] = [];
  let next = (snapshot?.index ?? 0) + 1;
  for await (const record of effectiveEntries(dataDirectory)) {
    if (record.kind === "damage" || record.entry.index < next) continue;
    if (record.entry.index >= index) break;
    if (record.entry.index > next)
      throw new Error(`entries ${next} to ${record.entry.index - 1} are not kept any more`);
    next++;
    const content = contentOf(record.entry);
    if (content !== null) entries.push(content);
  }
  if (next < index) throw new Error(`the log ends before entry ${index}`);
  const state =
    snapshot === null && entries.length === 0 ? stateOf(undefined) : replay(snapshot?.content, entries);
  if (!state.ok) throw new Error(state.error.message);
  return state.value;
}

async function newestSnapshotBefore(
  dataDirectory: string,
  index: number,
): Promise<{ readonly index: number; readonly content: Uint8Array } | null> {
  let newest: Extract<LogRecord, { kind: "snapshot" }> | null = null;
  for await (const record of logRecords(dataDirectory)) {
    if (record.kind !== "snapshot") break;
    if (record.point.index < index) newest = record;
  }
  if (newest === null) return null;
  const reader = await SnapshotReader.open(createNodeDisk(dataDirectory), newest.file);
  try {
    const whole = await reader.read(0, reader.meta.bytes);
    return { index: newest.point.index, content: whole.subarray(decodeMembership(whole).end) };
  } finally {
    await reader.close();
  }
}
