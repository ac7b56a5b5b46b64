// A mutant: the source with one classic bug put in on purpose, by replacing a little text as the source is loaded. No
// file on the disk and no line of the production code knows of it.
import type { RaftWorldOptions } from "../raft-world/options.ts";

export interface Edit {
  /** Under the repository's root. */
  readonly file: string;
  /** Has to be there exactly once; short, so that it survives other changes. */
  readonly old: string;
  readonly new: string;
}

export interface Mutant {
  /** The bug's number and a letter. */
  readonly id: string;
  /** What it does wrong, and so why it is that bug. */
  readonly why: string;
  readonly edits: readonly Edit[];
  /** Which simulation finds it: members alone, or whole clusters. */
  readonly world: "raft" | "cluster";
  /** Where to search: seeds whose options it does not fit are passed over, for they would hardly show the bug. */
  readonly likely?: (options: RaftWorldOptions) => boolean;
  /** The first seed to try: one that found it when it was last looked for. */
  readonly seed: number;
  /** Ticks of faults in each run. */
  readonly ticks: number;
}

/** A form of a bug that this design leaves no place for, or that shows nowhere outside of one member's memory. */
export interface Impossible {
  readonly bug: number;
  readonly why: string;
}

/** The text with the edits made. @throws Error if an old text is not there exactly once */
export function edited(file: string, text: string, edits: readonly Edit[]): string {
  return edits.filter((edit) => edit.file === file).reduce(withEdit, text);
}

function withEdit(text: string, edit: Edit): string {
  const parts = text.split(edit.old);
  if (parts.length !== 2) {
    throw new Error(`${edit.file} has ${parts.length - 1} times, not once: ${edit.old}`);
  }
  return parts.join(edit.new);
}

export function bugOf({ id }: Mutant): number {
  return Number.parseInt(id, 10);
}

/** Whether one of these faults comes every few seconds. @param everyMs mean times between them; undefined for never */
export function often(...everyMs: readonly (number | undefined)[]): boolean {
  return everyMs.some((mean) => mean !== undefined && mean <= 2_000);
}

/**
 * Where leaders are cut off, others are elected soon and have something committed before the old one steps down, and
 * clients of both read and write the same: there old leaders would be caught that answer with what they have.
 */
export function showsStaleReads(options: RaftWorldOptions): boolean {
  const { atLeader, client, cutMs, disk, latencyUs, raft, faultEveryMs } = options;
  const isQuick = disk.syncLatencyMs.high <= 10 && latencyUs.high <= 2_000 && client.thinkMs.high <= 100;
  const isCutOff = atLeader > 0 && cutMs.high >= 3_000 && often(faultEveryMs.isolated, faultEveryMs.split);
  return (
    isQuick && isCutOff && raft.electionMinMs === 600 && client.clients >= 4 && client.timeoutMs <= 1_000
  );
}
