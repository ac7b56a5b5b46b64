// Quorum arithmetic over a membership, joint or not. No state of the protocol is known here.
import type { MemberId } from "../kernel/ids.ts";
import type { Contact, Membership } from "./types.ts";

export type VoteResult = "won" | "lost" | "open";

/** A plain configuration: every member votes. */
export function votersOnly(
  voters: readonly MemberId[],
  contacts: Readonly<Record<string, Contact>> = {},
): Membership {
  return { voters: [...voters], outgoing: [], learners: [], contacts };
}

export function isVoter(membership: Membership, member: MemberId): boolean {
  return membership.voters.includes(member) || membership.outgoing.includes(member);
}

/** True between the two entries of a change of voters: decisions need both majorities. */
export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** True if the member decides alone. */
export function isAlone(membership: Membership, member: MemberId): boolean {
  return !isJoint(membership) && membership.voters.length === 1 && membership.voters[0] === member;
}

/** True if no change of voters is under way and the member is a voter: then a leader appends nothing by itself. */
export function isPlainFor(membership: Membership, member: MemberId): boolean {
  return !isJoint(membership) && membership.voters.includes(member);
}

/** Each voter once. */
export function everyVoter(membership: Membership): readonly MemberId[] {
  return [...new Set([...membership.voters, ...membership.outgoing])];
}

/** Each member once: voters, then those on their way out, then learners. */
export function everyMember(membership: Membership): readonly MemberId[] {
  if (membership.outgoing.length === 0 && membership.learners.length === 0) return membership.voters;
  return [...new Set([...membership.voters, ...membership.outgoing, ...membership.learners])];
}

/** The highest value that a quorum has reached; `reached` is 0 for a member that has reached nothing. */
export function quorumValue(membership: Membership, reached: (member: MemberId) => number): number {
  const incoming = majorityValue(membership.voters, reached);
  if (membership.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(membership.outgoing, reached));
}

/** The state of a vote; a member that is no voter counts for nothing, whatever it answered. */
export function voteResult(membership: Membership, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = majorityVote(membership.voters, votes);
  if (membership.outgoing.length === 0) return incoming;
  const outgoing = majorityVote(membership.outgoing, votes);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "open";
}

/**
 * The state of an election in which some members do not remember what they have promised (healing.ts). Their votes count
 * only if every single voter has granted: then nobody is left who could know better.
 */
export function electionResult(
  membership: Membership,
  votes: ReadonlyMap<MemberId, boolean>,
  amnesiacs: ReadonlySet<MemberId>,
): VoteResult {
  const result = voteResult(membership, votes);
  if (result !== "won" || amnesiacs.size === 0) return result;
  if (everyVoter(membership).every((voter) => votes.get(voter) === true)) return "won";
  const sound = new Map([...votes].filter(([member]) => !amnesiacs.has(member)));
  return voteResult(membership, sound) === "won" ? "won" : "open";
}

function majorityValue(voters: readonly MemberId[], reached: (member: MemberId) => number): number {
  if (voters.length === 0) return 0;
  const values = voters.map(reached);
  sortDescending(values);
  return values[voters.length >> 1] ?? 0;
}

/** By insertion: they are few, and this is done for every message that a leader receives. */
function sortDescending(values: number[]): void {
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number;
    let at = i;
    for (; at > 0 && (values[at - 1] as number) < value; at--) values[at] = values[at - 1] as number;
    values[at] = value;
  }
}

function majorityVote(voters: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const majority = (voters.length >> 1) + 1;
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    if (vote === false) refused++;
  }
  if (granted >= majority) return "won";
  return voters.length - refused < majority ? "lost" : "open";
}
