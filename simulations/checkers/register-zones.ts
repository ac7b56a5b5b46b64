// Linearizability of a register whose writes all have values of their own, decided at once (Gibbons and Korach 1997,
// "Testing shared memories"): a write and the reads of its value stand together in any order there is, so it is enough
// to compare the spans of time that such groups need. The general search is in linearizability.ts.
import type { Operation } from "./linearizability.ts";
import type { RegisterInput } from "./linearizability-models.ts";

type RegisterOperation = Operation<RegisterInput<number>, number | null>;

/** A write and the reads of its value. */
interface Group {
  readonly key: string;
  /** Null for what the register holds at first. */
  readonly value: number | null;
  /** Of the write. */
  readonly callAt: number;
  firstReturn: number;
  lastCall: number;
  isRead: boolean;
}

export interface Disorder {
  readonly why: string;
  readonly operations: readonly RegisterOperation[];
}

/** Null if the history of each key is linearizable. Values of one key's writes must differ. */
export function findDisorder(history: readonly RegisterOperation[]): Disorder | null {
  const byKey = new Map<string, Map<number | null, Group>>();
  for (const operation of history)
    if (operation.input.kind === "write") addWrite(groupsOf(byKey, operation), operation);
  for (const operation of history) {
    if (operation.input.kind !== "read" || operation.answer === null) continue;
    const why = addRead(groupsOf(byKey, operation), operation);
    if (why !== null) return { why, operations: [operation] };
  }
  for (const groups of byKey.values()) {
    const pair = conflict(
      [...groups.values()].filter(({ firstReturn, isRead }) => isRead || firstReturn < Infinity),
    );
    if (pair !== null) return disorderOf(history, pair);
  }
  return null;
}

function groupsOf(
  byKey: Map<string, Map<number | null, Group>>,
  { key }: RegisterOperation,
): Map<number | null, Group> {
  const known = byKey.get(key);
  if (known !== undefined) return known;
  const first: Group = { key, value: null, callAt: -1, firstReturn: -1, lastCall: -1, isRead: false };
  const fresh = new Map([[null as number | null, first]]);
  byKey.set(key, fresh);
  return fresh;
}

function addWrite(
  groups: Map<number | null, Group>,
  { key, input, callAt, answer }: RegisterOperation,
): void {
  if (input.kind !== "write") return;
  const { value } = input;
  const firstReturn = answer?.returnAt ?? Number.POSITIVE_INFINITY;
  groups.set(value, { key, value, callAt, firstReturn, lastCall: callAt, isRead: false });
}

/** @returns what is wrong with the read whatever the others are */
function addRead(groups: Map<number | null, Group>, { callAt, answer }: RegisterOperation): string | null {
  if (answer === null) return null;
  const group = groups.get(answer.output);
  if (group === undefined) return "a value is read that nobody wrote, or whose write was refused";
  if (answer.returnAt < group.callAt) return "a value is read before it is written";
  group.isRead = true;
  group.firstReturn = Math.min(group.firstReturn, answer.returnAt);
  group.lastCall = Math.max(group.lastCall, callAt);
  return null;
}

/** Two groups that cannot both be in order. One whose first return is before its last call fills the span between. */
function conflict(groups: readonly Group[]): readonly [Group, Group] | null {
  const full = groups.filter(({ firstReturn, lastCall }) => firstReturn < lastCall);
  full.sort((a, b) => a.firstReturn - b.firstReturn);
  for (const [i, group] of full.entries()) {
    const next = full[i + 1];
    if (next !== undefined && next.firstReturn < group.lastCall) return [group, next];
  }
  for (const group of groups) {
    if (group.firstReturn < group.lastCall) continue;
    const around = full.find(
      (other) => other.firstReturn < group.lastCall && group.firstReturn < other.lastCall,
    );
    if (around !== undefined) return [around, group];
  }
  return null;
}

function disorderOf(history: readonly RegisterOperation[], pair: readonly [Group, Group]): Disorder {
  const values = pair.map(({ value }) => value);
  const operations = history.filter(({ key, input, answer }) => {
    if (key !== pair[0].key) return false;
    return values.includes(input.kind === "write" ? input.value : (answer?.output ?? null));
  });
  return { why: "the operations on two values cannot be put in order", operations };
}
