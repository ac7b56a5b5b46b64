// Every bound of offer constraints, in one place.

/** Instructions of a compiled regular expression (`--offer_constraints_re2_max_program_size`), Mesos' default. */
export const REGEX_PROGRAM_SIZE_DEFAULT = 100;

/** Bytes for one compiled regular expression (`--offer_constraints_re2_max_mem`), Mesos' default. */
export const REGEX_MEMORY_BYTES_DEFAULT = 4_096;

/** Characters of one regular expression; a longer one is refused as too large, before it costs anything. */
export const REGEX_CHARACTERS_MAX = 512;

/** Characters of all different regular expressions of one framework together. */
export const REGEXES_CHARACTERS_MAX = 16_384;

/** Attribute constraints of one framework, over all its roles. */
export const CONSTRAINTS_COUNT_MAX = 10_000;

/** Compiled regular expressions that are kept; the one that was used longest ago goes first. */
export const COMPILED_REGEXES_MAX = 128;

/** Matches after which a regular expression is compiled anew: its automaton grows with what it has seen. */
export const MATCHES_PER_COMPILATION_MAX = 256;

/** Bytes of remembered answers, one for each pair of constraints and agent; beyond it answers are worked out each time. */
export const VERDICT_BYTES_MAX = 256 * 1024 * 1024;

/** Of one evaluation of constraints, about 0.1 µs; the unit of WORK_PER_CYCLE_MAX. */
export const EVALUATION_COST = 1;

/** Of one match of a regular expression: so many evaluations. */
export const MATCH_COST = 25;

/** Of compiling a regular expression: so many evaluations, and one more for each of its characters times their number. */
export const COMPILATION_COST = 1_000;

/** What one cycle of a master spends on evaluation, about 50 ms; the next cycle goes on. */
export const WORK_PER_CYCLE_MAX = 500_000;
