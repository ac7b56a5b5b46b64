// Bugs of what is made of the log: 22 and 25.
import type { Mutant } from "../mutant.ts";

export const STATE_MUTANTS: readonly Mutant[] = [];
