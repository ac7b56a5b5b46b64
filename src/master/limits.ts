// Every bound of the master's loop, with its unit. What exceeds one is refused or waits; nothing grows without end.

/** Commands waiting to be decided; above it `submit` answers "overloaded". */
export const QUEUED_COMMANDS_MAX = 100_000;
/** Entries proposed and not yet committed; above it commands wait, and so batches grow under load. */
export const ENTRIES_IN_FLIGHT_MAX = 64;
/** Events proposed and not yet committed, whose effects might be released in one turn; above it commands wait. */
export const EVENTS_IN_FLIGHT_MAX = 2048;
/** Events gathered into one entry before it is proposed: the work of one turn. One command's are never parted. */
export const EVENTS_PER_ENTRY_MAX = 512;
/** Entries between two snapshots, the same on every replica: they compare their digests there. */
export const SNAPSHOT_INTERVAL_ENTRIES = 20_000;
/** Own digests kept until the leader's record of the same index arrives. */
export const OWN_DIGESTS_MAX = 16;
/** How often passed deadlines are looked for. Milliseconds. */
export const DEADLINE_CHECK_MS = 100;
/** Period of allocation cycles when nothing happens (AL07). Milliseconds. */
export const ALLOCATION_INTERVAL_MS = 1_000;
/** Shortest time between two cycles that events have asked for. Milliseconds. */
export const ALLOCATION_GAP_MS = 20;
/** A transfer of leadership that has not come about by then has failed. Milliseconds. */
export const TRANSFER_MS_MAX = 3_000;
/** How often it is looked whether it has. Milliseconds. */
export const TRANSFER_POLL_MS = 20;
