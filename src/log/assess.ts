// Says of what was found in a log's folder whether something durable is missing, and what can still be relied on.
// Changes nothing; open.ts decides what is done about it.
import { asIndex, asTerm } from "../kernel/ids.ts";
import { LogDamage, replaceAdvice } from "./errors.ts";
import type { FoundHardState } from "./hard-state-file.ts";
import { hardStatePath } from "./hard-state-file.ts";
import { Position } from "./position.ts";
import type { Recovered } from "./recovery.ts";
import type { FoundSnapshots } from "./snapshot-store.ts";
import type { HardState } from "./types.ts";

export interface FoundLog {
  readonly directory: string;
  readonly snapshots: FoundSnapshots;
  readonly recovered: Recovered;
  readonly slots: FoundHardState;
  /** That the log belongs to; undefined if it is not known. */
  readonly group: string | undefined;
}

/** The first thing that was durable and is not there any more as it was; undefined if there is none. */
export function findDamage(found: FoundLog): LogDamage | undefined {
  const { recovered } = found;
  return recovered.damage?.error ?? withoutSegments(found) ?? vanishedEnd(found) ?? lostState(found);
}

/** True if the entries do not go on from the newest good snapshot: none of them is of use. */
export function isOutOfReach({ snapshots, recovered }: FoundLog): boolean {
  return recovered.position.base > (snapshots.newest?.index ?? 0);
}

/**
 * The newest hard state. Without damage the log's records hold it, and the slots may be one write ahead; with damage the
 * log's own may be gone, then both slots must be good. @throws LogDamage if neither is so
 */
export function newestHardState(
  found: FoundLog,
  damage: LogDamage | undefined,
  mayBeLost: boolean,
): HardState {
  const { recovered, slots, directory } = found;
  const isLogWhole = recovered.isHardStateKnown && vanishedEnd(found) === undefined;
  const isKnown = slots.isWhole || (isLogWhole && recovered.segments.length > 0);
  const isNew = damage === undefined && recovered.segments.length === 0;
  if (!isKnown && !isNew && !mayBeLost) {
    const why = damage === undefined ? "neither it nor the log holds the hard state" : damage.message;
    throw new LogDamage(hardStatePath(directory), 0, why, replaceAdvice);
  }
  const slot = slots.newest?.hardState;
  if (slot === undefined) return recovered.hardState;
  const newest = later(slot, recovered.hardState);
  const healing = slots.isWhole ? slot.healing : slot.healing || recovered.hardState.healing;
  return { ...newest, healing };
}

/** The recovered log without its entries: what is left if none of them is of use. */
export function withoutEntries(recovered: Recovered): Recovered {
  const start = { index: asIndex(0), term: asTerm(0) };
  const nothing = { offset: 0, bytes: new Uint8Array(0) };
  return {
    ...recovered,
    segments: [],
    end: 0,
    fileBytes: 0,
    lastWrite: nothing,
    chain: 0,
    position: new Position(start),
    entries: [],
  };
}

function later(a: HardState, b: HardState): HardState {
  if (a.term !== b.term) return a.term > b.term ? a : b;
  return a.votedFor === null ? b : a;
}

function withoutSegments({ directory, snapshots, recovered, slots, group }: FoundLog): LogDamage | undefined {
  if (recovered.segments.length > 0) return undefined;
  if (snapshots.newest !== undefined || snapshots.damaged.length > 0)
    return new LogDamage(directory, 0, "there are snapshots but no segments");
  const { hardState, end } = slots.newest ?? {};
  if ((hardState?.term ?? 0) > 0 && !hardState?.healing)
    return new LogDamage(directory, 0, "there is a hard state but no segments");
  if (group !== undefined && !hardState?.healing)
    return new LogDamage(directory, 0, `it belongs to group ${group}, but there are no segments`);
  if ((end?.sequence ?? 0) > 0) return new LogDamage(directory, 0, "all segments are missing");
  return undefined;
}

/** The slots remember an end that the log does not reach. */
function vanishedEnd({ directory, recovered, slots }: FoundLog): LogDamage | undefined {
  const { sequence, offset } = slots.newest?.end ?? { sequence: 0, offset: 0 };
  const newest = recovered.segments.at(-1);
  const reached = newest?.sequence ?? 0;
  if (reached > sequence || (reached === sequence && (sequence === 0 || recovered.end >= offset)))
    return undefined;
  const why = `segment ${sequence} was durable up to byte ${offset}, which is not there any more`;
  return new LogDamage(newest?.path ?? directory, recovered.end, why);
}

/** Every entry after the snapshot must be there, and no damaged snapshot may have been the only place of a state. */
function lostState(found: FoundLog): LogDamage | undefined {
  const { directory, snapshots, recovered } = found;
  const { position, segments } = recovered;
  for (const { index, term, error } of snapshots.damaged)
    if (position.termAt(index) !== term || isOutOfReach(found)) return error;
  if (!isOutOfReach(found)) return undefined;
  const covered = snapshots.newest?.index ?? 0;
  const why = `entries ${covered + 1} to ${position.base} are missing and no snapshot has them`;
  return new LogDamage(segments[0]?.path ?? directory, 0, why);
}
