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
/** Payload after which a snapshot is due though fewer entries have passed. Bytes. */
export const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** Events after which a snapshot is due though fewer entries have passed. */
export const CHECKPOINT_EVENTS = 500_000;
/** Tasks, agents and frameworks from which on a snapshot also waits until about as many events have come. */
export const CHECKPOINT_SMALL_STATE_PARTS = 50_000;
/** A snapshot rests after each chunk this many times as long as the chunk took. */
export const CHECKPOINT_REST_FACTOR = 2;
/** Work of one turn while the state is restored or replayed. Milliseconds. */
export const TURN_MS = 8;
/** Chunks read, or entries replayed, in one turn at most. */
export const TURN_STEPS = 64;
/** Own digests kept until the leader's record of the same index arrives. */
export const OWN_DIGESTS_MAX = 16;
/** How often passed deadlines are looked for. Milliseconds. */
export const DEADLINE_CHECK_MS = 100;
/** What asks for an allocation cycle is waited for that long, so that one cycle serves all of it. Milliseconds. */
export const ALLOCATION_GAP_MS = 20;
/** Shortest time between two slices of a cycle. Milliseconds. */
export const SLICE_GAP_MS = 5;
/** A slice, and a cycle, leaves this many times its own length to the rest of the work. */
export const ALLOCATION_REST_FACTOR = 4;
/** And for each offer that a slice has made that long: no more than 10,000 offers are made in a second. Milliseconds. */
export const SLICE_REST_PER_OFFER_MS = 0.1;
/** And for each offer of a whole cycle that long, though no longer than the allocation interval. Milliseconds. */
export const CYCLE_REST_PER_OFFER_MS = 0.5;
/** How often a log that takes no entries, because leadership is being handed over, is asked again. Milliseconds. */
export const LOG_RETRY_MS = 5;
/** A transfer of leadership that has not come about by then has failed. Milliseconds. */
export const TRANSFER_MS_MAX = 3_000;
/** How often it is looked whether it has. Milliseconds. */
export const TRANSFER_POLL_MS = 20;
