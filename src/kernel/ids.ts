// Branded ids and units: an agent's id cannot be passed where a framework's is wanted, nor seconds where milliseconds
// are. The brand exists only in the types. Formats follow Mesos (reference, section h).

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

export type ClusterId = Branded<string, "ClusterId">;
/** `<cluster id>-0004` */
export type FrameworkId = Branded<string, "FrameworkId">;
/** `<cluster id>-S4` */
export type AgentId = Branded<string, "AgentId">;
/** `<cluster id>-O4` */
export type OfferId = Branded<string, "OfferId">;
/** Chosen by the framework; unique among its live tasks. */
export type TaskId = Branded<string, "TaskId">;
/** Chosen by the framework, or equal to the task id for a command task (trap 27). */
export type ExecutorId = Branded<string, "ExecutorId">;
/** Made by the agent, a UUID; names a container in the runtime and a folder in the sandbox. */
export type ContainerId = Branded<string, "ContainerId">;
/** The Mesos-Stream-Id of one subscription: a UUID. */
export type StreamId = Branded<string, "StreamId">;
/** Which group of members a log belongs to: 32 hex digits, drawn when the group is founded and when it is recovered. */
export type GroupId = Branded<string, "GroupId">;
/** A member of the Raft group: the name given by flag, unique in the cluster. */
export type MemberId = Branded<string, "MemberId">;
/** A role's path, such as `eng/ads`; `*` is the default role. */
export type RoleName = Branded<string, "RoleName">;

/** Raft term (Raft paper, section 5.1): 0 before the first election. */
export type Term = Branded<number, "Term">;
/** Position in the replicated log; the first entry has index 1, 0 means "before the log". */
export type LogIndex = Branded<number, "LogIndex">;
/** Milliseconds: a point on the wall clock since the Unix epoch, or a monotonic reading, as the name says. */
export type Millis = Branded<number, "Millis">;

/** Brands a value that is known to be well formed; the parsers of the edges are the ones to call it on outside data. */
export function asId<Id extends Branded<string, string>>(value: string): Id {
  return value as Id;
}

export function asTerm(value: number): Term {
  return value as Term;
}

export function asIndex(value: number): LogIndex {
  return value as LogIndex;
}

export function asMillis(value: number): Millis {
  return value as Millis;
}

/** Orders strings by UTF-16 code units: the same on every machine, unlike localeCompare. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
