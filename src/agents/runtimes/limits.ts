// Every bound of the runtimes in one place: sizes, times and retries, each with its unit in its name.

/** Longest command line plus environment of one task; Linux itself refuses more than a quarter of the stack limit. */
export const MAX_COMMAND_BYTES = 1_500_000;
/** Larger account files (passwd, group) are not read. */
export const MAX_ACCOUNT_FILE_BYTES = 4 * 1024 * 1024;
/** How long a shim may take from being spawned to starting its command. */
export const SHIM_START_TIMEOUT_MS = 30_000;
/** How long recovery waits for a shim that an agent spawned as its last act. */
export const SHIM_RECOVERY_GRACE_MS = 2_000;
/** How often an adopted container is looked at, beside the file-system notifications. */
export const ADOPTED_POLL_MS = 1_000;
/** Pause between two looks at something that is about to happen (a cgroup emptying, a shim ending). */
export const SETTLE_POLL_MS = 10;
/** Looks before giving up on it. */
export const SETTLE_ROUNDS = 300;
/** CFS quota period, microseconds; the kernel's default. */
export const CFS_PERIOD_US = 100_000;
/** Smallest CFS quota that the kernel accepts, microseconds. */
export const MIN_CFS_QUOTA_US = 1_000;
/** Smallest number of CPU shares that the kernel accepts. */
export const MIN_CPU_SHARES = 2;
/** Largest number of CPU shares that the kernel accepts. */
export const MAX_CPU_SHARES = 262_144;
/** How long a connection to containerd may take. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** How long a call of containerd may take; unpacking a layer has its own limit. */
export const CALL_TIMEOUT_MS = 60_000;
/** How long applying one layer may take. */
export const APPLY_TIMEOUT_MS = 600_000;
/** Largest message to and from containerd, which itself sends up to 16 MiB. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** First and longest pause before connecting again. */
export const RECONNECT_FIRST_MS = 200;
export const RECONNECT_MAX_MS = 2_000;
/** How often the tasks are listed in case an exit event was missed. */
export const RECONCILE_MS = 15_000;
/** The first comparison after the event stream was opened: containerd does not say when it begins to count. */
export const RECONCILE_SOON_MS = 1_000;
/** One write of a blob into the content store. */
export const BLOB_CHUNK_BYTES = 1024 * 1024;
/** Largest manifest, index or image configuration that is read. */
export const MAX_IMAGE_DOCUMENT_BYTES = 4 * 1024 * 1024;
/** Deepest nesting of image indexes. */
export const MAX_INDEX_DEPTH = 4;
/** Most layers of an image (overlayfs itself mounts no more than 500). */
export const MAX_LAYERS = 500;
/** Most files in an image archive. */
export const MAX_ARCHIVE_ENTRIES = 10_000;
/** Age at which containerd drops the lease of an import that was cut short. */
export const IMPORT_LEASE_MS = 3_600_000;
/** Longest wait for a containerd of our own to come up. */
export const DAEMON_START_TIMEOUT_MS = 20_000;
/** Longest wait for it to go down before it is killed. */
export const DAEMON_STOP_TIMEOUT_MS = 10_000;
/** Pause between two looks at such a daemon. */
export const DAEMON_POLL_MS = 50;
