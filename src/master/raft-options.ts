// How a master sets up its member of the Raft group.
import { type RaftNodeOptions, type StateMachine, TRAILING_ENTRIES_MAX } from "../raft/index.ts";
import { SNAPSHOT_INTERVAL_ENTRIES } from "./limits.ts";
import type { LogStorage } from "./log-storage.ts";
import type { MasterOptions } from "./options.ts";

export function raftOptions(
  options: MasterOptions,
  storage: LogStorage,
  stateMachine: StateMachine,
  onFatal: RaftNodeOptions["onFatal"],
): RaftNodeOptions {
  const { self, members, clusterName, clock, random, network, tracer, tuning } = options;
  const { raftListenAddress, joining } = options;
  const own = members.find(({ id }) => id === self);
  return {
    self,
    members:
      joining === true ? [] : members.map(({ raftAddress, ...rest }) => ({ ...rest, address: raftAddress })),
    ...(own === undefined ? {} : { address: own.raftAddress }),
    ...(raftListenAddress === undefined ? {} : { listenAddress: raftListenAddress }),
    clusterName,
    recovered: storage.recovered,
    clock,
    random,
    network,
    storage,
    stateMachine,
    tracer,
    onFatal,
    tuning: { trailingEntriesMax: trailingEntries(snapshotInterval(options)), ...tuning?.raft },
  };
}

/** Entries from one checkpoint to the next. */
export function snapshotInterval({ tuning }: MasterOptions): number {
  return tuning?.snapshotIntervalEntries ?? SNAPSHOT_INTERVAL_ENTRIES;
}

/** With snapshots often, few entries are kept in front of each: the log stays about one and a half intervals long. */
function trailingEntries(interval: number): number {
  return Math.min(TRAILING_ENTRIES_MAX, Math.ceil(interval / 2));
}
