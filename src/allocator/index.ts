// The allocator: pure, deterministic DRF over roles and frameworks. State keeps an AllocatorState and changes it by the
// functions here; `allocate` reads it and says what to offer. Time and ids come in as values.
export {
  addAgent,
  allocatedOn,
  allocateTo,
  availableOn,
  hasRoomFor,
  hold,
  recover,
  removeAgent,
  setAgentActive,
  setAgentRemote,
  updateAgent,
} from "./agents.ts";
export { allocate, DEFAULT_MINIMUM } from "./allocate.ts";
export { checkAllocator } from "./check.ts";
export type {
  AgentFacts,
  AttributeConstraint,
  Predicate,
  RoleConstraints,
  Selector,
} from "./constraints/model.ts";
export { DEFAULT_REGEX_LIMITS, problemOfRegex, type RegexLimits } from "./constraints/regex.ts";
export { ConstraintCache } from "./constraints/verdicts.ts";
export {
  type ConversionType,
  type Converted,
  containsWhole,
  conversionsOf,
} from "./conversions.ts";
export { nextFilterExpiry } from "./expiries.ts";
export { type AgentVerdict, type Explanation, explain } from "./explain.ts";
export { addFilter, clearFilters, clearFiltersOfAgent, expireFilters } from "./filters.ts";
export {
  addFramework,
  hasFrameworks,
  removeFramework,
  revive,
  setFrameworkActive,
  setWeight,
  suppress,
  updateFramework,
} from "./frameworks.ts";
export { DEFAULT_WEIGHT_MILLIS, SHARED_COPIES_MAX, WEIGHT_MILLIS_MAX } from "./limits.ts";
export {
  type AllocateOptions,
  type Allocation,
  type AllocatorState,
  createAllocatorState,
  type FrameworkTerms,
  type OfferRules,
  type OutstandingOffer,
  type Quota,
  type Sorter,
} from "./model.ts";
export { chargesOf, setQuota } from "./quota.ts";
export { QuotaPlan } from "./quota-plan.ts";
export type { Minimum, Requirements, RequirementsSource } from "./requirements.ts";
export { makeResources, type ResourcePart, toMillis } from "./resource-parts.ts";
export { format, formatMillis, formatUpTo, parse, parseMillis } from "./resource-text.ts";
export {
  add,
  contains,
  equal,
  isEmpty,
  NO_RESOURCES,
  type Resources,
  scalarOf,
  subtract,
  sum,
  without,
} from "./resources.ts";
export { copiesIn, exclusiveOf, has, sharedOf, unite, withoutExclusive } from "./shared.ts";
export { allocatedOf, dominantShare, totals } from "./shares.ts";
export { SlicedCycles } from "./sliced-cycles.ts";
export { beginWaiting, keepWaiting, waitAnew } from "./waiting.ts";
