// A recorded log under another policy: what would have differed. Both arms, the recorded policy and the other one, are run
// by the same simulation of the same recorded demand, so that they can be compared; how far the first is from what really
// happened says how far to trust it.
import type { RoleName } from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { Entry } from "../../state/codec.ts";
import type { Event, RoleQuota, RoleWeight } from "../../state/events.ts";
import type { ClusterState } from "../../state/model.ts";
import { type Policy, policyChanges, type RecordedPolicy, recordedSettings } from "../../state/policy.ts";
import { stateOf } from "../replay.ts";
import { simulate } from "./arm.ts";
import type { Figures } from "./figures.ts";
import { EVENTS_MAX } from "./limits.ts";
import { type OfferDifferences, offersThatDiffer } from "./offers-that-differ.ts";
import { record } from "./recording.ts";

export interface OtherPolicy {
  /** Weights and quotas of the recording are left out: all weights are 1 and nothing is guaranteed or limited. */
  readonly plain: boolean;
  /** Those that hold instead of the recorded ones, throughout. */
  readonly settings: Partial<Policy>;
  readonly weights: readonly RoleWeight[];
  readonly quotas: readonly RoleQuota[];
}

export interface WhatifReport {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  readonly policy: ReportedPolicy;
  readonly recorded: Figures;
  readonly baseline: Figures;
  readonly other: Figures;
  /** The offers of the other policy and of the recorded one, both simulated. */
  readonly offers: OfferDifferences;
}

/** What was asked for, in plain data. */
export interface ReportedPolicy extends Pick<OtherPolicy, "plain" | "weights" | "quotas"> {
  readonly settings: RecordedPolicy;
}

export interface Progress {
  readonly stage: "recording" | "recorded policy" | "other policy";
  readonly done: number;
  readonly total: number;
}

/**
 * @param snapshot the state as of before the first entry, packed
 * @returns why not, in words for people
 */
export function* whatif(
  snapshot: Uint8Array,
  entries: readonly Entry[],
  policy: OtherPolicy,
): Generator<Progress, Result<WhatifReport, string>> {
  const problem = problemOf(snapshot, entries, policy);
  if (problem !== null) return err(problem);
  const total = Math.max(1, entries.length);
  const recording = yield* staged("recording", total, record(fresh(snapshot), entries));
  const span = Math.max(1, recording.until - recording.from);
  const same = simulate(fresh(snapshot), recording, [], (event) => event);
  const baseline = yield* staged("recorded policy", span, same);
  const state = fresh(snapshot);
  const changed = simulate(state, recording, policyEvents(state, policy), (event) =>
    overridden(event, policy),
  );
  const other = yield* staged("other policy", span, changed);
  return ok({
    from: recording.from,
    until: recording.until,
    policy: recordable(policy),
    recorded: recording.run.figures,
    baseline: baseline.figures,
    other: other.figures,
    offers: offersThatDiffer(baseline.offers, other.offers),
  });
}

function* staged<Value>(
  stage: Progress["stage"],
  total: number,
  work: Generator<number, Value>,
): Generator<Progress, Value> {
  for (;;) {
    const next = work.next();
    if (next.done === true) return next.value;
    yield { stage, done: Math.min(total, Math.max(0, next.value)), total };
  }
}

function recordable({ plain, weights, quotas, settings }: OtherPolicy): ReportedPolicy {
  return { plain, weights, quotas, settings: recordedSettings(settings) };
}

function fresh(snapshot: Uint8Array): ClusterState {
  const state = stateOf(snapshot);
  if (!state.ok) throw new Error(state.error.message);
  return state.value;
}

function problemOf(snapshot: Uint8Array, entries: readonly Entry[], policy: OtherPolicy): string | null {
  const state = stateOf(snapshot);
  if (!state.ok) return `the state cannot be read: ${state.error.message}`;
  const events = entries.reduce((sum, entry) => sum + entry.events.length, 0);
  if (events > EVENTS_MAX)
    return `${events} events are more than ${EVENTS_MAX}, which is the limit; begin later with --from, or end earlier with --to`;
  const known = rolesOf(state.value, entries);
  const named = [...policy.weights, ...policy.quotas].map(({ role }) => role);
  const unknown = named.find((role) => !isKnown(role, known));
  if (unknown === undefined) return null;
  const names = known.size === 0 ? "none" : [...known].sort().slice(0, 20).join(", ");
  return `nobody is in the role "${unknown}" in this part of the log; roles there are: ${names}`;
}

function rolesOf(state: ClusterState, entries: readonly Entry[]): ReadonlySet<string> {
  const roles = new Set<string>();
  for (const { spec } of state.frameworks.values()) for (const role of spec.roles) roles.add(role);
  for (const { events } of entries)
    for (const event of events)
      if (event.kind === "FrameworkSubscribed" || event.kind === "FrameworkUpdated")
        for (const role of event.spec.roles) roles.add(role);
  return roles;
}

/** A role, or one above it. */
function isKnown(role: RoleName, known: ReadonlySet<string>): boolean {
  return known.has(role) || [...known].some((each) => each.startsWith(`${role}/`));
}

function policyEvents(
  state: ClusterState,
  { plain, settings, weights, quotas }: OtherPolicy,
): readonly Event[] {
  const ones = plain ? [...state.weights.keys()].map((role) => ({ role, weightMillis: 1_000 })) : [];
  const none = plain ? [...state.allocator.quotas.keys()].map((role) => ({ role, quota: null })) : [];
  const events: Event[] = [];
  if (ones.length + weights.length > 0)
    events.push({ kind: "WeightsUpdated", weights: [...ones, ...weights] });
  if (none.length + quotas.length > 0) events.push({ kind: "QuotasUpdated", quotas: [...none, ...quotas] });
  const changes = policyChanges(state.policy, { ...state.policy, ...settings });
  if (Object.keys(changes).length > 0) events.push({ kind: "PolicyChanged", changes });
  return events;
}

/** What was changed in the recording holds for the roles and settings of which the other policy says nothing. */
function overridden(event: Event, { plain, settings, weights, quotas }: OtherPolicy): Event | null {
  if (event.kind === "WeightsUpdated") {
    const rest = event.weights.filter(({ role }) => !plain && !weights.some((each) => each.role === role));
    return rest.length === 0 ? null : { ...event, weights: rest };
  }
  if (event.kind === "QuotasUpdated") {
    const rest = event.quotas.filter(({ role }) => !plain && !quotas.some((each) => each.role === role));
    return rest.length === 0 ? null : { ...event, quotas: rest };
  }
  if (event.kind === "PolicyChanged") {
    const rest = Object.entries(event.changes).filter(([name]) => !Object.hasOwn(settings, name));
    return rest.length === 0 ? null : { ...event, changes: Object.fromEntries(rest) as RecordedPolicy };
  }
  return event;
}
