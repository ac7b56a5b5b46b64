// What an agent that has registered must be told, and which of its executors are lost: of one with very many tasks more than
// an entry has room for. The first part is in the entry by which it is registered, the rest follows in entries of its own,
// before anything else is decided. If leadership is lost there, the agent registers with the next leader, and all of it is
// worked out anew.
import type { AgentId } from "../../kernel/ids.ts";
import type { CorrectAgent } from "../commands.ts";
import type { Aftermath, Event } from "../events.ts";
import { CORRECTIONS_BYTES_MAX, TASKS_AT_ONCE_MAX } from "../limits.ts";
import type { ClusterState } from "../model.ts";
import { packedBytesAtMost } from "../packed-size.ts";
import { type Accepted, accepted, dropped, partly } from "./decision.ts";

export interface Parted {
  readonly first: Aftermath;
  /** Null if there is no more. */
  readonly rest: Aftermath | null;
}

/** At least one of all, and no more than an entry has room for. */
export function firstPart({ lostExecutors, corrections }: Aftermath): Parted {
  const room = { count: TASKS_AT_ONCE_MAX, bytes: CORRECTIONS_BYTES_MAX };
  const { run, kill, shutdownExecutors, shutdownFrameworks } = corrections;
  const lost = cut(lostExecutors, room);
  const frameworks = cut(shutdownFrameworks, room);
  const executors = cut(shutdownExecutors, room);
  const [runs, kills] = [cut(run, room), cut(kill, room)];
  const [first, rest] = [0, 1].map((part) => ({
    lostExecutors: lost[part] ?? [],
    corrections: {
      run: runs[part] ?? [],
      kill: kills[part] ?? [],
      shutdownExecutors: executors[part] ?? [],
      shutdownFrameworks: frameworks[part] ?? [],
    },
  })) as [Aftermath, Aftermath];
  return { first, rest: isEmpty(rest) ? null : rest };
}

/** The entry that registers the agent, or one after it. */
export function withRest(
  events: readonly Event[],
  agentId: AgentId,
  connectionId: string,
  rest: Aftermath | null,
): Accepted {
  if (rest === null) return accepted(events, { kind: "registered", agentId });
  return partly(events, { kind: "correct-agent", agentId, connectionId, rest });
}

export function decideCorrect(state: ClusterState, { agentId, connectionId, rest }: CorrectAgent): Accepted {
  const connection = state.agents.get(agentId)?.connection;
  if (connection?.kind !== "connected" || connection.connectionId !== connectionId) return dropped();
  const { first, rest: left } = firstPart(rest);
  return withRest([{ kind: "AgentCorrected", agentId, ...first }], agentId, connectionId, left);
}

/** @param room what is left of it; the first item of all is taken even if it does not fit */
function cut<Item>(
  items: readonly Item[],
  room: { count: number; bytes: number },
): readonly [readonly Item[], readonly Item[]] {
  let taken = 0;
  for (const item of items) {
    if (room.count <= 0) break;
    const bytes = packedBytesAtMost(item);
    if (bytes > room.bytes && room.count < TASKS_AT_ONCE_MAX) {
      room.count = 0;
      break;
    }
    room.count -= 1;
    room.bytes -= bytes;
    taken += 1;
  }
  return [items.slice(0, taken), items.slice(taken)];
}

function isEmpty({ lostExecutors, corrections }: Aftermath): boolean {
  return [lostExecutors, ...Object.values(corrections)].every(({ length }) => length === 0);
}
