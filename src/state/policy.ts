// What a master's operator has set about offers: facts of the log, so that a replay, `why` and `whatif` go by them and not
// by defaults. The leader's hold; the state keeps them, and the allocator has them from nowhere else. A new setting is a
// line in `Policy` (or, if cycles go by it, in the allocator's OfferRules) and one in SETTINGS.
import {
  DEFAULT_MINIMUM,
  DEFAULT_REGEX_LIMITS,
  type OfferRules,
  type RegexLimits,
} from "../allocator/index.ts";
import { assert } from "../kernel/assert.ts";

/** Replaced by another when something changes, never changed. Whitelisted hosts are in the order of their names. */
export interface Policy extends Required<OfferRules> {
  /** Offers older than this are rescinded (AL13); null = never. Milliseconds. */
  readonly offerTimeoutMs: number | null;
  /** From one allocation cycle to the next that nothing asks for (AL07); no filter is shorter (trap 17). Milliseconds. */
  readonly allocationIntervalMs: number;
  /** Roles that frameworks may be in, weights and quotas be given to, beside "*" (AL20); null = all. */
  readonly listedRoles: ReadonlySet<string> | null;
  /** Agents with GPUs are withheld from frameworks without the GPU_RESOURCES capability (AL15). */
  readonly filterGpuResources: boolean;
  /** Of regular expressions in offer constraints (AL14). */
  readonly regexLimits: RegexLimits;
}

/** Some settings as the log has them: plain data, lists for sets. */
export type RecordedPolicy = { readonly [Name in keyof Policy]?: Recorded<Policy[Name]> };
type Recorded<Value> = Value extends ReadonlySet<infer Item> ? readonly Item[] : Value;

interface Setting<Value> {
  /** As in Mesos; what logs of formats 1 and 2 were written under as far as anybody knows. */
  readonly standard: Value;
  record(value: Value): Recorded<Value>;
  restore(recorded: Recorded<Value>): Value;
}

const SETTINGS: { readonly [Name in keyof Policy]: Setting<Policy[Name]> } = {
  minimum: plain<Policy["minimum"]>(DEFAULT_MINIMUM),
  fairShareExcluded: names(),
  roleSorter: plain<Policy["roleSorter"]>("drf"),
  frameworkSorter: plain<Policy["frameworkSorter"]>("drf"),
  whitelist: namesOrNull(),
  optimisticAfterMs: plain<Policy["optimisticAfterMs"]>(null),
  offerTimeoutMs: plain<Policy["offerTimeoutMs"]>(null),
  allocationIntervalMs: plain<Policy["allocationIntervalMs"]>(1_000),
  listedRoles: namesOrNull(),
  filterGpuResources: plain<Policy["filterGpuResources"]>(true),
  regexLimits: plain<Policy["regexLimits"]>(DEFAULT_REGEX_LIMITS),
};

/** The role of those that say none. */
const ANY_ROLE = "*";
const NAMES = Object.keys(SETTINGS) as readonly (keyof Policy)[];

export const DEFAULT_POLICY: Policy = Object.fromEntries(
  NAMES.map((name) => [name, SETTINGS[name].standard]),
) as unknown as Policy;

/** Those given, and for the rest what is so by default. */
export function policyOf(given: Partial<Policy>): Policy {
  return { ...DEFAULT_POLICY, ...given };
}

/** Those given, as the log has them. */
export function recordedSettings(given: Partial<Policy>): RecordedPolicy {
  const policy = policyOf(given);
  return Object.fromEntries(
    NAMES.filter((name) => given[name] !== undefined).map((name) => [name, recorded(name, policy)]),
  );
}

/** The settings of `after` that are not as in `before`. */
export function policyChanges(before: Policy, after: Policy): RecordedPolicy {
  const changed = NAMES.filter((name) => before[name] !== after[name])
    .map((name) => [name, recorded(name, before), recorded(name, after)] as const)
    .filter(([, old, now]) => JSON.stringify(old) !== JSON.stringify(now));
  return Object.fromEntries(changed.map(([name, , now]) => [name, now]));
}

/** @throws InvariantError if there is a setting among them that nobody knows */
export function withChanges(policy: Policy, changes: RecordedPolicy): Policy {
  const restored = Object.entries(changes).map(([name, value]) => {
    assert(Object.hasOwn(SETTINGS, name), "an unknown setting stands in the log", { name });
    const setting = SETTINGS[name as keyof Policy] as Setting<unknown>;
    return [name, setting.restore(value as never)];
  });
  return { ...policy, ...Object.fromEntries(restored) };
}

function recorded(name: keyof Policy, policy: Policy): unknown {
  return (SETTINGS[name] as Setting<unknown>).record(policy[name] as never);
}

/** Those that the operator's list of roles leaves out, each once. */
export function unlistedRoles<Role extends string>(
  { listedRoles }: Policy,
  roles: readonly Role[],
): readonly Role[] {
  if (listedRoles === null) return [];
  return [...new Set(roles)].filter((role) => role !== ANY_ROLE && !listedRoles.has(role));
}

/** Of numbers, texts and lists and objects of such. */
function plain<Value>(standard: Value & Recorded<Value>): Setting<Value> {
  return {
    standard,
    record: (value) => value as Recorded<Value>,
    restore: (value) => value as Value,
  };
}

function names(): Setting<ReadonlySet<string>> {
  return { standard: new Set(), record: sorted, restore: (list) => new Set(list) };
}

function namesOrNull(): Setting<ReadonlySet<string> | null> {
  return {
    standard: null,
    record: (set) => (set === null ? null : sorted(set)),
    restore: (list) => (list === null ? null : new Set(list)),
  };
}

function sorted(set: ReadonlySet<string>): readonly string[] {
  return [...set].sort();
}
