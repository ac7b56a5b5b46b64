// Every limit and default of the agent, with its unit in its name. Those that Mesos has a flag for carry Mesos' default
// (reference, section h); the host may override what `SupervisorSettings` and `LinkSettings` list.

/** First wait before an unacknowledged status is sent again (trap 2). */
export const STATUS_RETRY_MS_MIN = 10_000;
/** Longest wait between two sendings of a status. */
export const STATUS_RETRY_MS_MAX = 600_000;
/** Updates of one task that may wait for acknowledgement; an executor that sends more is refused. */
export const UPDATES_PENDING_MAX = 1_000;
/** Uuids of an executor's latest updates that are remembered per task, to know a repeated one. */
export const UPDATE_UUIDS_KEPT = 16;

/** SIGTERM to SIGKILL when neither the task nor the call says (HC04). */
export const KILL_GRACE_MS = 3_000;
/** SHUTDOWN to SIGKILL when the ExecutorInfo does not say (EX17). */
export const EXECUTOR_SHUTDOWN_GRACE_MS = 5_000;
/** SIGKILL is sent again after this time while the container has not ended. */
export const SIGKILL_REPEAT_MS = 10_000;
/** A launched executor that has not subscribed by then is killed (EX17). */
export const EXECUTOR_REGISTRATION_MS_MAX = 60_000;
/** The same after a restart of the agent: Mesos' upper bound for it. */
export const EXECUTOR_REREGISTRATION_MS_MAX = 15_000;
/** HEARTBEAT on an executor's stream (EX07). */
export const EXECUTOR_HEARTBEAT_MS = 1_800_000;
/** What executors are told of how long they may live without an agent. */
export const EXECUTOR_RECOVERY_MS = 900_000;
/** What executors are told of how long to wait at most between two subscriptions. */
export const EXECUTOR_BACKOFF_MS_MAX = 2_000;

/** A sandbox is removed this long after its container ended (SB04: one week). */
export const SANDBOX_KEPT_MS = 604_800_000;
/** More ended sandboxes than this are not kept: the oldest goes first. */
export const SANDBOXES_KEPT_MAX = 10_000;
/** How often old sandboxes are looked for. */
export const SANDBOX_SWEEP_MS = 3_600_000;

/** A persistent volume that could not be made or removed is tried again after this time, or when a task needs it. */
export const VOLUME_RETRY_MS = 30_000;
/** A removed volume is gone through so often, one level of its folders each time, before that is given up. */
export const VOLUME_EMPTYING_ROUNDS_MAX = 100_000;
/** Longest persistence id, and longest part of a role, that becomes the name of a folder. */
export const VOLUME_NAME_CHARACTERS_MAX = 255;

/** A longer wait is made of several: timers of some systems cannot be set so far ahead. */
export const TIMER_MS_MAX = 3_600_000;
/** Launches handed to the runtime at one time. */
export const LAUNCHES_IN_FLIGHT_MAX = 16;
/** The journal of checkpoints is rewritten when it is larger than this and than four times what is live. Bytes. */
export const CHECKPOINT_COMPACT_BYTES_MIN = 4 * 1024 * 1024;
/** A larger checkpoint record is damage. Bytes. */
export const CHECKPOINT_FRAME_BYTES_MAX = 256 * 1024 * 1024;

/** First wait before a master is tried again; the wait is drawn from [x, 2x), x doubles with every round. */
export const CONNECT_BACKOFF_MS_MIN = 100;
/** Largest x of the above (MN10 has 1 min; failover is to be quick). */
export const CONNECT_BACKOFF_MS_MAX = 2_000;
/** A connection on which no `registered` or `redirect` has come by then is given up. */
export const REGISTRATION_MS_MAX = 5_000;
/** How long an agent that has unregistered waits for the master to close the connection. */
export const FAREWELL_MS_MAX = 1_000;
/** Redirects followed one after the other without a wait. */
export const REDIRECTS_AT_ONCE_MAX = 3;
/** A connection that holds more unsent bytes is given up. */
export const CONNECTION_BUFFERED_BYTES_MAX = 64 * 1024 * 1024;

/** Body of one executor call. Bytes. */
export const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** An executor whose stream holds more unread bytes is disconnected; it may subscribe again. */
export const STREAM_BUFFERED_BYTES_MAX = 64 * 1024 * 1024;
/** Of a sandbox file, in one answer of /files/read when no length is asked for. Bytes. */
export const READ_BYTES_DEFAULT = 64 * 1024;
/** The most of a sandbox file in one answer of /files/read. Bytes. */
export const READ_BYTES_MAX = 1024 * 1024;
