// All mutants, in the order of the 26 classic bugs of Raft implementations that this design is held against, and the
// bugs that have no place in it.
import { DISK_MUTANTS } from "./catalogue/disk.ts";
import { ELECTION_MUTANTS } from "./catalogue/elections.ts";
import { MEMBERSHIP_MUTANTS } from "./catalogue/membership.ts";
import { REPLICATION_MUTANTS } from "./catalogue/replication.ts";
import { STATE_MUTANTS } from "./catalogue/state.ts";
import { bugOf, type Impossible, type Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  ...REPLICATION_MUTANTS,
  ...ELECTION_MUTANTS,
  ...DISK_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...STATE_MUTANTS,
].sort((a, b) => bugOf(a) - bugOf(b));

export const IMPOSSIBLE: readonly Impossible[] = [
  {
    bug: 8,
    why: "By appends: a follower that trusts the commit index of an append too far is not seen to, since rejections step over whole terms and a new leader's first append carries its no-op, so that no append is accepted in front of another leader's suffix. The receiver's check has a test of its own (test/unit/raft/classic-bugs.test.ts).",
  },
  {
    bug: 11,
    why: "A snapshot that comes late, for a log that has passed it, is turned away twice, by the core and by the lane that publishes snapshots: taking away one of the two changes nothing.",
  },
  {
    bug: 14,
    why: "Pre-votes against a living leader alone: who cannot hear the leader falls behind its log and gets no votes, and requests for votes are ignored while the leader is heard.",
  },
  {
    bug: 15,
    why: "A timeout that is drawn again at every tick is another distribution, narrower than the right one; it still ends split votes.",
  },
  {
    bug: 19,
    why: "One index and term with two contents: the process ends at its first failed write, and a member that was started again leads in a new term only.",
  },
  {
    bug: 22,
    why: "A repeated ACCEPT: the offers that it names are gone from the state once it was taken, so there is no table of sessions that could be wrong.",
  },
  {
    bug: 24,
    why: "Writes that a leader takes after the order to stand has left: they are lost or committed like any other of a deposed leader, and their clients are told so.",
  },
];
