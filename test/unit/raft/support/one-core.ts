// One core with a given past, and the messages that others would send to it.
import { asIndex, asTerm, type GroupId, type MemberId } from "../../../../src/kernel/ids.ts";
import { seededRandom } from "../../../../src/kernel/random.ts";
import { step } from "../../../../src/raft/core.ts";
import { emptyOutput, type Input, type Output } from "../../../../src/raft/io.ts";
import type { CoreTuning } from "../../../../src/raft/limits.ts";
import { votersOnly } from "../../../../src/raft/membership.ts";
import type { Append, Message } from "../../../../src/raft/messages.ts";
import { createState, type RaftState } from "../../../../src/raft/state.ts";
import type { Entry, Membership, SnapshotMeta } from "../../../../src/raft/types.ts";
import { GROUP, memberId, TEST_TUNING } from "./core-cluster.ts";

export interface Past {
  readonly term?: number;
  readonly votedFor?: number;
  readonly entries?: readonly Entry[];
  readonly commit?: number;
  readonly members?: number;
  readonly membership?: Membership;
  readonly snapshot?: SnapshotMeta;
  readonly tuning?: Partial<CoreTuning>;
  readonly seed?: number;
  /** It starts like any member does with such a disk: in doubt whether it has lost something. */
  readonly forgetful?: boolean;
  /** Noted beside its log. */
  readonly groupId?: GroupId;
}

export class OneCore {
  readonly state: RaftState;
  /** The outputs of the last call of `take`, in order. */
  private outputs: Output[] = [];

  constructor(past: Past = {}) {
    const members = Array.from({ length: past.members ?? 3 }, (_, i) => memberId(i + 1));
    this.state = createState({
      self: memberId(1),
      membership: past.membership ?? { ...votersOnly(members), groupId: GROUP },
      recovered: {
        hardState: {
          term: asTerm(past.term ?? 0),
          votedFor: past.votedFor === undefined ? null : memberId(past.votedFor),
          healing: false,
        },
        snapshot: past.snapshot,
        entries: past.entries ?? [],
        groupId: past.groupId,
      },
      tuning: { ...TEST_TUNING, ...past.tuning },
      random: seededRandom(past.seed ?? 1),
    });
    // Its past is what the test says: an empty log is no sign of a lost one.
    if (past.forgetful !== true) this.state.healing = null;
    if (past.commit !== undefined) this.state.commit = asIndex(past.commit);
  }

  /** Feeds inputs; every write is durable at once. @returns what came out, gathered */
  take(...inputs: readonly Input[]): Output {
    this.outputs = [];
    for (const input of inputs) {
      const output = this.only(input);
      if (output.write !== null) this.only({ kind: "persisted", write: output.write.number });
    }
    return gather(this.outputs);
  }

  /** Feeds one input; nothing becomes durable. */
  only(input: Input): Output {
    const output = step(this.state, input);
    this.outputs.push(output);
    return output;
  }

  /** The write issued last is durable, and all before it. */
  persist(): Output {
    return this.only({ kind: "persisted", write: this.state.durability.lastWrite });
  }

  hear(message: Message): Output {
    return this.take({ kind: "message", message });
  }

  tick(count = 1): Output {
    return this.take(...Array.from({ length: count }, (): Input => ({ kind: "tick" })));
  }

  /** Ticks until the election timer of a member that hears nobody has run out. */
  timeOut(): Output {
    return this.tick(this.state.timeout - this.state.elapsed);
  }

  /** Wins an election with the votes of members 2 and up; its no-op is durable here and nowhere else. */
  lead(): Output {
    this.timeOut();
    const voters = this.state.membership.voters.filter((id) => id !== this.state.self);
    const forTerm = asTerm(this.state.term + 1);
    for (const from of voters) {
      this.hear({
        kind: "pre-vote-reply",
        from,
        to: this.state.self,
        term: this.state.term,
        forTerm,
        granted: true,
        amnesia: false,
      });
    }
    const outputs: Output[] = [];
    for (const from of voters) {
      outputs.push(
        this.hear({
          kind: "vote-reply",
          from,
          to: this.state.self,
          term: this.state.term,
          granted: true,
          amnesia: false,
        }),
      );
    }
    if (this.state.role.kind !== "leader") throw new Error("not elected");
    return gather(outputs);
  }
}

/** From one of the others to member 1. */
export function from(
  number: number,
  term: number,
): { from: MemberId; to: MemberId; term: ReturnType<typeof asTerm> } {
  return { from: memberId(number), to: memberId(1), term: asTerm(term) };
}

export function append(
  number: number,
  term: number,
  prev: readonly [index: number, term: number],
  entries: readonly Entry[] = [],
  commit = 0,
): Append {
  return {
    kind: "append",
    ...from(number, term),
    prevIndex: asIndex(prev[0]),
    prevTerm: asTerm(prev[1]),
    entries,
    commit: asIndex(commit),
  };
}

export function vote(number: number, term: number, last: readonly [index: number, term: number]): Message {
  return {
    kind: "vote",
    ...from(number, term),
    lastIndex: asIndex(last[0]),
    lastTerm: asTerm(last[1]),
    transfer: false,
  };
}

export function preVote(number: number, term: number, last: readonly [index: number, term: number]): Message {
  return {
    kind: "pre-vote",
    ...from(number, term),
    forTerm: asTerm(term + 1),
    lastIndex: asIndex(last[0]),
    lastTerm: asTerm(last[1]),
  };
}

export function accepted(number: number, term: number, match: number): Message {
  return { kind: "append-accepted", ...from(number, term), match: asIndex(match) };
}

export function heartbeat(number: number, term: number, commit = 0, round = 0): Message {
  return { kind: "heartbeat", ...from(number, term), commit: asIndex(commit), round };
}

export function heartbeatReply(number: number, term: number, round: number, promiseMs = 0): Message {
  return { kind: "heartbeat-reply", ...from(number, term), round, promiseMs };
}

/** The messages of one kind. */
export function ofKind<Kind extends Message["kind"]>(
  output: Output,
  kind: Kind,
): Extract<Message, { kind: Kind }>[] {
  return output.messages.filter((message) => message.kind === kind) as Extract<Message, { kind: Kind }>[];
}

function gather(outputs: readonly Output[]): Output {
  const all = emptyOutput();
  for (const output of outputs) {
    all.messages.push(...output.messages);
    all.reads.push(...output.reads);
    all.chunkRequests.push(...output.chunkRequests);
    all.receive.push(...output.receive);
    all.trace.push(...output.trace);
    all.committed = [...all.committed, ...output.committed];
    all.write = output.write ?? all.write;
    all.roleChange = output.roleChange ?? all.roleChange;
    all.proposal = output.proposal ?? all.proposal;
    all.change = output.change ?? all.change;
    all.changed = output.changed ?? all.changed;
    all.membership = output.membership ?? all.membership;
    all.restore = output.restore ?? all.restore;
  }
  return all;
}
