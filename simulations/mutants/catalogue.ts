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

export const IMPOSSIBLE: readonly Impossible[] = [];
