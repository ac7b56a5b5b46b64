// Old formats of log entries and snapshots, lifted step by step to the one that is written today. A change of an event's
// or the state's shape raises FORMAT_VERSION by one and adds the step from the version before; a step is never changed
// again, for logs of every version live on in archives. There are none yet.

/** What is written today. */
export const FORMAT_VERSION = 1;

export interface Migration {
  /** The version that it reads; it makes the next one. */
  readonly from: number;
  /** For people: what changed. */
  readonly reason: string;
  /** One event, as unpacked: its fields as that version had them. */
  event(event: unknown): unknown;
  /** A whole state, as unpacked. */
  state(state: unknown): unknown;
}

/** In order, one for each version from 1 to FORMAT_VERSION - 1. */
export const MIGRATIONS: readonly Migration[] = [];

export type Migratable = "event" | "state";

/** Lifts a value of version `from` to the newest that the list leads to. */
export function migrate(
  value: unknown,
  what: Migratable,
  from: number,
  migrations: readonly Migration[] = MIGRATIONS,
): unknown {
  let current = value;
  for (const migration of migrations) if (migration.from >= from) current = migration[what](current);
  return current;
}
