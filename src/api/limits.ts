// Every bound of the api, with its unit. What exceeds one is refused or cut off with a line in the log; nothing that a
// client sends or fails to read makes a queue grow without end (invariant 4 of the design).

/** A larger request body is a 413; Mesos itself has no bound. Bytes. */
export const REQUEST_BODY_BYTES_MAX = 8 * 1024 * 1024;
/**
 * What a call leaves in the log must fit into one entry, however compact its encoding was: a command that packs to more
 * than this is a 413. A quarter of raft's ENTRY_BYTES_MAX. Bytes.
 */
export const COMMAND_BYTES_MAX = 2 * 1024 * 1024;
/** Commands out of a body up to this size are small enough without being measured. Bytes. */
export const UNMEASURED_BODY_BYTES_MAX = 64 * 1024;
/** A larger status update of an agent loses its data and labels, and its text is cut. Bytes. */
export const STATUS_BYTES_MAX = 1024 * 1024;
/** What is left of the text then. */
export const STATUS_TEXT_CHARACTERS_MAX = 64 * 1024;
/** Request line and headers together; more is a 431. Bytes. */
export const REQUEST_HEAD_BYTES_MAX = 32 * 1024;
/** A request whose headers are not there after this time is a 408. Milliseconds. */
export const REQUEST_HEAD_TIMEOUT_MS = 30_000;
/** A request that is not there as a whole after this time is a 408. Milliseconds. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Connections that wait for their next request are closed after this time. Milliseconds. */
export const IDLE_CONNECTION_TIMEOUT_MS = 300_000;
/** Further connections are closed as they come. */
export const CONNECTIONS_MAX = 60_000;

/** Between two HEARTBEAT events of a stream (SC32). Milliseconds. */
export const HEARTBEAT_INTERVAL_MS = 15_000;
/** What a stream's reader may be behind, besides the stream's first record; then it is dropped. Bytes. */
export const STREAM_UNSENT_BYTES_MAX = 16 * 1024 * 1024;
/** How long the end of a stream waits for a reader that does not read; then the connection is cut. Milliseconds. */
export const STREAM_ENDING_MS_MAX = 10_000;
/** Subscriptions of frameworks, bound or waiting for their commit; a further SUBSCRIBE is a 503. */
export const FRAMEWORK_STREAMS_MAX = 20_000;
/** Subscribers of the operator API; a further one closes the oldest (MO12). */
export const OPERATOR_STREAMS_MAX = 1_000;
/** Events held for an operator's stream until the snapshot that precedes them is confirmed; more drops it. */
export const OPERATOR_EVENTS_HELD_MAX = 100_000;

/** Between two pings of an agent. Milliseconds. */
export const AGENT_PING_INTERVAL_MS = 5_000;
/** Pings without a pong after which an agent's connection is dead: 75 s, as long as MN01 has it. */
export const AGENT_PINGS_MISSED_MAX = 15;
/**
 * A master of which an agent has heard nothing for so long is dead for it. Milliseconds. A leader whose machine has lost
 * power ends no connection: its agents have to find the next one well before that one gives them up for unreachable.
 */
export const AGENT_SILENCE_MS_MAX = 20_000;
/** Time from connecting to the register frame. Milliseconds. */
export const AGENT_REGISTER_TIMEOUT_MS = 30_000;
/** Bytes queued for an agent that does not read; more closes its connection. */
export const AGENT_UNSENT_BYTES_MAX = 64 * 1024 * 1024;
/** Commands of one agent that are not committed yet; more closes its connection. */
export const AGENT_COMMANDS_IN_FLIGHT_MAX = 100_000;

/** Characters of an id that a framework chooses, as in Mesos. */
export const ID_CHARACTERS_MAX = 255;
/** Characters in a role's path; Mesos itself has no bound. */
export const ROLE_CHARACTERS_MAX = 1_024;
/** Levels of a role's path: every level is a role of its own, with sums over all below it. */
export const ROLE_LEVELS_MAX = 32;
/** Roles whose weights one call may set; with more it is a 400. */
export const WEIGHTS_PER_CALL_MAX = 1_000;
/** Roles whose quotas one call may set; with more it is a 400. */
export const QUOTAS_PER_CALL_MAX = 1_000;
/** Different resources that one quota guarantees, and that it limits; with more it is a 400. */
export const QUOTA_AMOUNTS_MAX = 100;
/** Filters longer than this are cut to it (trap 17). Milliseconds. */
export const REFUSE_MS_MAX = 365 * 24 * 3_600 * 1_000;
/** Filter of a refusal that names none (trap 16). Milliseconds. */
export const REFUSE_MS_DEFAULT = 5_000;
/** An order to change the members. Bytes. */
export const MEMBERS_BODY_BYTES_MAX = 16 * 1024;
