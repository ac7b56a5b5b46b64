// GET /tepui/v1/status: how this master sees itself and its group, for `tepui state`. Every master answers it itself;
// nothing in it is confirmed by the others.

import type { MemberView } from "../master/members.ts";
import type { MasterStatus } from "../master/types.ts";
import type { ApiContext } from "./context.ts";
import { legacyJson, type Reply } from "./http/reply.ts";

export const STATUS_PATH = "/tepui/v1/status";

interface MasterStatusView {
  readonly self: string;
  readonly version: string;
  readonly role: string;
  readonly term: number;
  /** Member that leads, and its API's `host:port`; null if none is known. */
  readonly leader: { readonly id: string; readonly apiAddress: string | null } | null;
  /** It leads and takes commands. */
  readonly ready: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** Events applied since the log began. */
  readonly events: number;
  /** The prefix of the ids of frameworks and agents. */
  readonly clusterId: string | null;
  /** Of the group of masters: another one after `tepui recover`. Null while this master knows of none. */
  readonly groupId: string | null;
  /** Whether the archive of this master's log works, and if not why and since when (wall time, ms); null without one. */
  readonly archive: MasterStatus["archive"];
  readonly members: readonly MemberView[];
}

export function statusReply(context: ApiContext): Reply {
  return legacyJson(JSON.stringify(statusView(context)), null);
}

function statusView(context: ApiContext): MasterStatusView {
  const status = context.master.status();
  const { leader } = status;
  return {
    self: status.self,
    version: context.advertised().version,
    role: status.role,
    term: status.term,
    leader: leader === null ? null : { id: leader, apiAddress: context.memberApiAddress(leader) },
    ready: status.ready,
    commitIndex: status.commitIndex,
    appliedIndex: status.appliedIndex,
    lastIndex: status.lastIndex,
    events: status.events,
    clusterId: context.master.state().clusterId,
    groupId: status.groupId,
    archive: status.archive,
    members: status.members,
  };
}
