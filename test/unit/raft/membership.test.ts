// Quorums against a deliberately simple reference: try every value, count heads.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MemberId } from "../../../src/kernel/ids.ts";
import { everyMember, isVoter, quorumValue, voteResult } from "../../../src/raft/membership.ts";
import type { Membership } from "../../../src/raft/types.ts";
import { memberId } from "./support/core-cluster.ts";

const some = (min: number): fc.Arbitrary<MemberId[]> =>
  fc.uniqueArray(fc.integer({ min: 1, max: 8 }).map(memberId), { minLength: min, maxLength: 7 });
const membership: fc.Arbitrary<Membership> = fc.record({
  voters: some(1),
  outgoing: fc.oneof(fc.constant([]), some(1)),
  learners: some(0),
  contacts: fc.constant({}),
});
const reached = fc.dictionary(fc.integer({ min: 1, max: 8 }).map(memberId), fc.nat(6));
const votes = fc.dictionary(fc.integer({ min: 1, max: 8 }).map(memberId), fc.boolean());

function isMajority(voters: readonly MemberId[], holds: (member: MemberId) => boolean): boolean {
  return voters.filter(holds).length * 2 > voters.length;
}

function isQuorum({ voters, outgoing }: Membership, holds: (member: MemberId) => boolean): boolean {
  return isMajority(voters, holds) && (outgoing.length === 0 || isMajority(outgoing, holds));
}

describe("quorumValue", () => {
  it("is the highest value that a quorum has reached", () => {
    fc.assert(
      fc.property(membership, reached, (config, values) => {
        const reachedBy = (member: MemberId): number => values[member] ?? 0;
        let expected = 0;
        for (let value = 1; value <= 6; value++) {
          if (isQuorum(config, (member) => reachedBy(member) >= value)) expected = value;
        }
        expect(quorumValue(config, reachedBy)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("voteResult", () => {
  it("is won by a quorum of grants, lost when no quorum can be reached any more, open otherwise", () => {
    fc.assert(
      fc.property(membership, votes, (config, cast) => {
        const granted = isQuorum(config, (member) => cast[member] === true);
        const possible = isQuorum(config, (member) => cast[member] !== false);
        const expected = granted ? "won" : possible ? "open" : "lost";
        const map = new Map(Object.entries(cast) as [MemberId, boolean][]);
        expect(voteResult(config, map)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("members", () => {
  it("are listed once each, and voters of either configuration vote", () => {
    fc.assert(
      fc.property(membership, (config) => {
        const all = everyMember(config);
        expect(new Set(all).size).toBe(all.length);
        for (const member of [...config.voters, ...config.outgoing, ...config.learners]) {
          expect(all).toContain(member);
        }
        for (const member of all) {
          const votes = config.voters.includes(member) || config.outgoing.includes(member);
          expect(isVoter(config, member)).toBe(votes);
        }
      }),
    );
  });
});
