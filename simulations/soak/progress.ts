// What a soak has done so far, in a file if it is to be resumed.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Report } from "./run.ts";

export interface Progress {
  readonly commit: string;
  /** The first seed, and how many are to be run from there on; seeds that were drawn have no first one. */
  readonly from: string;
  readonly seeds: number;
  /** Offsets that are done: all below `done`, and these. */
  done: number;
  readonly ahead: Set<number>;
  virtualMs: number;
  realMs: number;
  readonly failed: string[];
}

export function newProgress(commit: string, from: bigint, seeds: number): Progress {
  return {
    commit,
    from: String(from),
    seeds,
    done: 0,
    ahead: new Set(),
    virtualMs: 0,
    realMs: 0,
    failed: [],
  };
}

/** One more seed is done. @param offset from the first seed */
export function noteDone(progress: Progress, offset: number, { seed, virtualMs, failure }: Report): void {
  progress.ahead.add(offset);
  while (progress.ahead.delete(progress.done)) progress.done += 1;
  progress.virtualMs += virtualMs;
  if (failure !== null) progress.failed.push(seed);
}

export function countOf({ done, ahead }: Progress): number {
  return done + ahead.size;
}

export function saveProgress(path: string, progress: Progress): void {
  const text = JSON.stringify({ ...progress, ahead: [...progress.ahead] });
  writeFileSync(`${path}.new`, `${text}\n`);
  renameSync(`${path}.new`, path);
}

/** @returns null if there is no such file */
export function loadProgress(path: string): Progress | null {
  if (!existsSync(path)) return null;
  const found = JSON.parse(readFileSync(path, "utf8")) as Progress & { ahead: number[] };
  return { ...found, ahead: new Set(found.ahead) };
}
