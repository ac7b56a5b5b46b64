// Who belongs to the cluster, as operators and clients are told, and the changes that an operator asks for.
import type { LogIndex, MemberId } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";
import {
  type Membership,
  type MembershipChange,
  MembershipError,
  type MembershipRefusal,
  type RaftNode,
  type RaftStatus,
} from "../raft/index.ts";
import { TRANSFER_MS_MAX, TRANSFER_POLL_MS } from "./limits.ts";
import type { MasterMember } from "./options.ts";

export type { MembershipChange } from "../raft/index.ts";

export interface MemberView {
  readonly id: MemberId;
  /** Where the other members reach its Raft port, and `host:port` of its API; "" if nobody has said. */
  readonly raftAddress: string;
  readonly apiAddress: string;
  /** leaving: it votes until the change under way is committed. learner: it receives the log and does not vote. */
  readonly kind: "voter" | "leaving" | "learner";
  /** Known to the leader only, and not of itself. */
  readonly progress: {
    readonly match: LogIndex;
    readonly state: "probe" | "replicate" | "snapshot";
    /** It lost data and has no vote until the leader has made that good. */
    readonly healing: boolean;
  } | null;
}

export type MembersOutcome =
  | { readonly kind: "done"; readonly members: readonly MemberView[] }
  /** After "lost-leadership" the change may still happen. */
  | { readonly kind: "refused"; readonly reason: MembershipRefusal };

export type TransferOutcome =
  | { readonly kind: "done"; readonly leader: MemberId }
  | {
      readonly kind: "refused";
      readonly reason: "not-leader" | "unknown-member" | "not-voter" | "last-voter";
    }
  /** This member leads on: the other one could not be brought up to date in time, or did not win. */
  | { readonly kind: "failed" };

export class Members {
  private readonly node: RaftNode;
  private readonly configured: readonly MasterMember[];
  private readonly clock: Clock;

  /** @param configured addresses of members whose contacts no membership has */
  constructor(node: RaftNode, configured: readonly MasterMember[], clock: Clock) {
    this.node = node;
    this.configured = configured;
    this.clock = clock;
  }

  /** In the order of their ids. */
  view(): readonly MemberView[] {
    const status = this.node.status();
    const { voters, outgoing, learners } = status.membership;
    const ids = [...new Set([...voters, ...outgoing, ...learners])].sort();
    return ids.map((id) => this.viewOf(status, id));
  }

  /**
   * True once the founders in this member's flags are no majority of the voters any more: if they lost their data where nobody
   * else can call them, they would found a second group.
   */
  hasOutgrownFounders(): boolean {
    const { voters } = this.node.status().membership;
    const founders = voters.filter((voter) => this.configured.some(({ id }) => id === voter));
    return founders.length * 2 <= voters.length && voters.length > 0;
  }

  async change(change: MembershipChange): Promise<MembersOutcome> {
    try {
      await this.node.changeMembership(change);
      return { kind: "done", members: this.view() };
    } catch (error) {
      if (error instanceof MembershipError) return { kind: "refused", reason: error.reason };
      throw error;
    }
  }

  /** @param to null for the voter that is furthest */
  async transfer(to: MemberId | null): Promise<TransferOutcome> {
    const { role, self, membership } = this.node.status();
    if (role !== "leader") return { kind: "refused", reason: "not-leader" };
    if (to === self) return { kind: "done", leader: self };
    const refusal = transferRefusal(membership, self, to);
    if (refusal !== null) return { kind: "refused", reason: refusal };
    this.node.transferLeadership(to ?? undefined);
    for (let waitedMs = 0; waitedMs < TRANSFER_MS_MAX; waitedMs += TRANSFER_POLL_MS) {
      await new Promise<void>((resolve) => void this.clock.after(TRANSFER_POLL_MS, resolve));
      const { leader } = this.node.status();
      if (leader !== null && leader !== self) return { kind: "done", leader };
    }
    return { kind: "failed" };
  }

  private viewOf({ membership, followers }: RaftStatus, id: MemberId): MemberView {
    const contact = membership.contacts[id];
    const configured = this.configured.find((member) => member.id === id);
    const follower = followers.find((each) => each.id === id);
    return {
      id,
      raftAddress: contact?.raftAddress || configured?.raftAddress || "",
      apiAddress: contact?.apiAddress || configured?.apiAddress || "",
      kind: kindOf(membership, id),
      progress:
        follower === undefined
          ? null
          : { match: follower.match, state: follower.state, healing: follower.healing },
    };
  }
}

function kindOf({ voters, outgoing }: Membership, id: MemberId): MemberView["kind"] {
  if (voters.includes(id)) return "voter";
  return outgoing.includes(id) ? "leaving" : "learner";
}

function transferRefusal(
  { voters, outgoing, learners }: Membership,
  self: MemberId,
  to: MemberId | null,
): "unknown-member" | "not-voter" | "last-voter" | null {
  if (to === null) return voters.some((voter) => voter !== self) ? null : "last-voter";
  if (voters.includes(to)) return null;
  return learners.includes(to) || outgoing.includes(to) ? "not-voter" : "unknown-member";
}
