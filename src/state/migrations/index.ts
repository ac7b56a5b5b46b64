// Old formats of log entries and snapshots, lifted step by step to the one that is written today. A change of an event's
// or the state's shape raises FORMAT_VERSION by one and adds the step from the version before; a step is never changed
// again, for logs of every version live on in archives.

import { chunkedSnapshots } from "./chunked-snapshots.ts";
import { encodedTasks } from "./encoded-tasks.ts";
import type { Migration } from "./migration.ts";

export type { Migration } from "./migration.ts";
export { isOfThisFormat } from "./old-digests.ts";

/** What is written today. */
export const FORMAT_VERSION = 3;

/** In order, one for each version from 1 to FORMAT_VERSION - 1. */
export const MIGRATIONS: readonly Migration[] = [chunkedSnapshots, encodedTasks];

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
