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
