// Every bound of the SDK, with its unit.

/** First wait before a new attempt to subscribe, with jitter: short, for an election takes a few hundred. Milliseconds. */
export const BACKOFF_MS_MIN = 50;
/** The waits of each round through the masters are so much longer than those of the one before. */
export const BACKOFF_FACTOR = 1.5;
/** Longest wait between attempts. Milliseconds. */
export const BACKOFF_MS_MAX = 5_000;
/** A stream that is silent for so many heartbeat intervals is dead. */
export const HEARTBEATS_MISSED_MAX = 3;
/** A master that has not answered a request by then is given up. Milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** An answer whose body has not ended by then is cut there. Milliseconds. */
export const ANSWER_BODY_TIMEOUT_MS = 10_000;
/** Redirects followed in a row before the SDK backs off. */
export const REDIRECTS_MAX = 5;
/** Longest event taken from a master. Bytes. */
export const EVENT_BYTES_MAX = 64 * 1024 * 1024;
/** Body of an answer to a call that is kept for the error text. Bytes. */
export const ANSWER_BYTES_MAX = 64 * 1024;
/** How often tasks of unknown fate are asked about until each is answered. Milliseconds. */
export const RECONCILE_INTERVAL_MS = 1_000;
/** Launches refused one after the other before the whole run fails: the tasks are such that no master takes them. */
export const LAUNCH_REFUSALS_MAX = 3;
/** Offers that nothing fits are declined for so long; REVIVE clears it. Seconds. */
export const DECLINE_SECONDS = 300;
