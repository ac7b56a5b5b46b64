// Every bound of the cluster's state, in one place. What is at a bound is refused, or drives out the oldest, as said.

/** Frameworks that are not completed; one more is refused. */
export const FRAMEWORKS_MAX = 10_000;

/** Completed frameworks that are remembered, and whose ids are refused (OB06, trap 22); the oldest is forgotten. */
export const COMPLETED_FRAMEWORKS_MAX = 50;

/** Completed tasks of one framework that are remembered (OB06); the oldest is forgotten. */
export const COMPLETED_TASKS_MAX = 1_000;

/** Tasks of one framework that are unreachable; the oldest counts as completed then and is killed if it comes back. */
export const UNREACHABLE_TASKS_MAX = 100_000;

/** Live tasks of one framework; one more is refused with TASK_ERROR. */
export const TASKS_PER_FRAMEWORK_MAX = 400_000;

/** Statuses kept of one task (trap 40); the oldest is forgotten. */
export const STATUSES_MAX = 16;

/** Agents, unreachable ones included; one more is refused. */
export const AGENTS_MAX = 100_000;

/** Agents that may not come back; the oldest is forgotten. */
export const GONE_AGENTS_MAX = 100_000;

/** Milliseconds that an unreachable agent is remembered: two weeks, as Mesos' registry does. */
export const UNREACHABLE_AGENT_MS_MAX = 14 * 24 * 60 * 60 * 1_000;

/** Tasks in one ACCEPT; each one beyond is refused with TASK_ERROR. */
export const TASKS_PER_ACCEPT_MAX = 10_000;

/** Offers in one ACCEPT or DECLINE; with more, an ACCEPT is invalid and a DECLINE is cut. */
export const OFFERS_PER_CALL_MAX = 10_000;

/** Tasks in one explicit RECONCILE that are answered. */
export const RECONCILED_TASKS_MAX = 100_000;

/** Operations whose end is not acknowledged: in the cluster, and of one framework; one more with an id is refused. */
export const OPERATIONS_MAX = 100_000;
export const OPERATIONS_PER_FRAMEWORK_MAX = 1_000;

/** RESERVE, UNRESERVE, CREATE, DESTROY and resizing in one ACCEPT; those after them are refused. */
export const CONVERSIONS_PER_ACCEPT_MAX = 1_000;

/** Bytes of what one operation with an id takes and makes, as `packedBytesAtMost` counts; a larger one is refused. */
export const OPERATION_BYTES_MAX = 64 * 1024;

/** Milliseconds until the end of an operation is told again; each time twice as long as before, up to the second. */
export const OPERATION_RETRY_MS_MIN = 10_000;
export const OPERATION_RETRY_MS_MAX = 600_000;

/** Ends of operations that one `expire` tells again; the next goes on. */
export const OPERATIONS_TOLD_MAX = 1_000;

/** Milliseconds: a filter lasts no longer than 365 days (trap 17). */
export const REFUSE_MS_MAX = 365 * 24 * 60 * 60 * 1_000;

/** Roles on the operator's list of roles: one entry of the log holds it. */
export const LISTED_ROLES_MAX = 1_000;

/** Hosts on the operator's whitelist: as many as there may be agents. */
export const WHITELIST_HOSTS_MAX = 100_000;

/** Bytes of the file of whitelisted hosts: one entry of the log holds the list. */
export const WHITELIST_BYTES_MAX = 4 * 1024 * 1024;

/** Offers of one allocation cycle, but for the last agent's; the next cycle goes on, and comes soon. */
export const OFFERS_PER_CYCLE_MAX = 1_000;

/** Bytes of the offers of one allocation cycle, as `packedBytesAtMost` counts; the next cycle goes on. */
export const OFFERS_BYTES_MAX = 6 * 1024 * 1024;

/** Events of agents in one `expire`; the next goes on, also with the tasks of one agent. An entry has room for them. */
export const EXPIRY_EVENTS_MAX = 4_096;

/**
 * Tasks of a framework or agent that one command ends or takes back because the framework or agent goes or comes back;
 * with more it does so in several entries. One event ends no more of a framework's either.
 */
export const TASKS_AT_ONCE_MAX = 2_048;

/** What the ends of a framework's tasks take in one entry, half of what it has room for. Bytes. */
export const ENDS_BYTES_MAX = 4 * 1024 * 1024;

/** What one entry tells an agent that has registered, beside what it says of its tasks. Bytes. */
export const CORRECTIONS_BYTES_MAX = 2 * 1024 * 1024;

/** Offers that one `expire` rescinds; the next goes on. */
export const EXPIRED_OFFERS_MAX = 10_000;

/** Inverse offers that one `expire` makes; the next goes on. */
export const INVERSE_OFFERS_MAX = 1_000;

/** Pairs of agent and framework of which it is kept what was asked and answered; beyond it nobody else is asked. */
export const INVERSE_OFFERS_KEPT_MAX = 20_000;

/** Machines in the maintenance schedule; with more it is refused. */
export const MACHINES_MAX = 10_000;

/** Roles whose weights are kept; with more an update is refused. */
export const WEIGHTS_MAX = 10_000;

/** Roles that have a quota, be it an empty one; with more an update is refused. */
export const QUOTAS_MAX = 1_000;

/** Offers that one change of policy rescinds, the oldest first; what is beyond it stays until it is answered. */
export const RESCINDED_OFFERS_MAX = 40_000;

/** How long a framework is not offered again what was rescinded for an operator's operation (trap 16). Milliseconds. */
export const RESCINDED_REFUSE_MS = 5_000;

/** Different resources of an agent with all that is reserved on it; an operation that could lead beyond is refused. */
export const AGENT_RESOURCES_MAX = 1_000;

/** Characters in which a reservation or volume is described in JSON, its labels among them. */
export const META_CHARACTERS_MAX = 16_384;

/** Frameworks, and agents, whose deadline one `expire` handles; the next goes on. */
export const EXPIRIES_PER_COMMAND_MAX = 100;

/** Digests kept in the state; the oldest is forgotten. */
export const DIGESTS_MAX = 64;

/** Characters of an id that comes from outside. */
export const ID_CHARACTERS_MAX = 255;

/** Characters of a message that the master writes into a status or an event. */
export const MESSAGE_CHARACTERS_MAX = 4_096;

/** Tasks, or other small parts, in one chunk of a snapshot: the work of one slice. The same on every replica. */
export const CHUNK_UNITS_MAX = 256;

/** Bytes of one chunk of a snapshot from which on the next has fewer units. The same on every replica. */
export const CHUNK_BYTES_TARGET = 256 * 1024;
