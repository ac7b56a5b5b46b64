// Quotas of roles (AL05, MO17): set by an operator. What is wrong with a change is told in Mesos' words without their
// beginning, which differs from call to call.
import { formatMillis, type Quota, QuotaPlan } from "../../allocator/index.ts";
import { compareText, type RoleName } from "../../kernel/ids.ts";
import type { SetQuota, UpdateQuotas } from "../commands.ts";
import type { Event, RoleQuota } from "../events.ts";
import { QUOTAS_MAX } from "../limits.ts";
import type { ClusterState } from "../model.ts";
import { unlistedRoles } from "../policy.ts";
import { accepted, type Decision, dropped, rejected } from "./decision.ts";
import { offeredAmounts, rescindedForQuotas } from "./quota-rescinds.ts";

type Amounts = ReadonlyMap<string, number>;
type Planned = ReadonlyMap<RoleName, Quota>;

/** The new quotas, and the end of the offers that stand in their way. */
export function decideUpdateQuotas(state: ClusterState, { quotas, force }: UpdateQuotas): Decision {
  if (quotas.length === 0) return dropped();
  const unlisted = problemOfUnlisted(
    state,
    quotas.map(({ role }) => role),
  );
  if (unlisted !== null) return rejected("quota-refused", unlisted);
  const changes = changesOf(quotas);
  const plan = new QuotaPlan(state.allocator, changes);
  const problem = problemOfPlan(plan) ?? (force ? null : problemOfConsumption(state, plan, changes));
  if (problem !== null) return rejected("quota-refused", problem);
  const beyond = force ? null : problemOfCapacity(state, plan);
  if (beyond !== null) return rejected("quota-beyond-capacity", beyond);
  return accepted(updated(state, plan, changes, quotas));
}

export function decideSetQuota(state: ClusterState, { role, guarantees, force }: SetQuota): Decision {
  if (isLimitedOrGuaranteed(state, role)) {
    return rejected("quota-refused", `Cannot set quota for role '${role}' which already has quota`);
  }
  const unlisted = problemOfUnlisted(state, [role]);
  if (unlisted !== null) return rejected("quota-refused", unlisted);
  const quotas = [{ role, quota: { guarantees, limits: guarantees } }];
  const changes = changesOf(quotas);
  const plan = new QuotaPlan(state.allocator, changes);
  const problem = problemOfPlan(plan);
  if (problem !== null) return rejected("quota-refused", problem);
  if (!force && problemOfCapacity(state, plan) !== null) return rejected("quota-beyond-capacity", TOO_LITTLE);
  return accepted(updated(state, plan, changes, quotas));
}

const TOO_LITTLE =
  "Not enough available cluster capacity to reasonably satisfy quota request; the force flag can be used to override this check";

export function decideRemoveQuota(state: ClusterState, role: RoleName): Decision {
  if (!state.allocator.quotas.has(role)) {
    return rejected("quota-refused", `Role '${role}' has no quota set`);
  }
  return accepted([{ kind: "QuotasUpdated", quotas: [{ role, quota: null }] }]);
}

function changesOf(quotas: UpdateQuotas["quotas"]): Planned {
  return new Map(
    quotas.map(({ role, quota }) => [
      role,
      { guarantees: new Map(quota.guarantees), limits: new Map(quota.limits) },
    ]),
  );
}

function updated(
  state: ClusterState,
  plan: QuotaPlan,
  changes: Planned,
  quotas: readonly RoleQuota[],
): readonly Event[] {
  const offers = rescindedForQuotas(state, plan, changes);
  const rescinded: readonly Event[] =
    offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "quotas-updated", offers }];
  return [{ kind: "QuotasUpdated", quotas }, ...rescinded];
}

function isLimitedOrGuaranteed({ allocator }: ClusterState, role: RoleName): boolean {
  const quota = allocator.roles.get(role)?.quota ?? null;
  return quota !== null && quota.guarantees.size + quota.limits.size > 0;
}

function problemOfPlan(plan: QuotaPlan): string | null {
  return plan.size > QUOTAS_MAX ? `Quotas of more than ${QUOTAS_MAX} roles cannot be kept` : plan.problem();
}

function problemOfUnlisted({ policy }: ClusterState, roles: readonly RoleName[]): string | null {
  const [unlisted] = unlistedRoles(policy, roles);
  return unlisted === undefined ? null : `Unknown role '${unlisted}'`;
}

/** Offers do not count: those in the way are rescinded. */
function problemOfConsumption(state: ClusterState, plan: QuotaPlan, changes: Planned): string | null {
  const offered = offeredAmounts(state, new Set(changes.keys()));
  for (const [role, { limits }] of changes) {
    const consumed = plan.consumed(role);
    for (const [name, millis] of offered.get(role) ?? []) {
      consumed.set(name, (consumed.get(name) ?? 0) - millis);
    }
    if (![...limits].some(([name, limit]) => (consumed.get(name) ?? 0) > limit)) continue;
    const about = `Role '${role}' is already consuming '${amountsText(consumed)}'`;
    return `${about}; this exceeds the requested limits '${amountsText(limits)}' (use 'force' flag to bypass this check)`;
  }
  return null;
}

/** That more is guaranteed than the cluster has, and that of something whose guarantees this change raises. */
function problemOfCapacity({ allocator }: ClusterState, plan: QuotaPlan): string | null {
  const before = new QuotaPlan(allocator, new Map()).guaranteed();
  const guaranteed = plan.guaranteed();
  const isBeyond = [...guaranteed].some(
    ([name, millis]) => millis > (allocator.totals.get(name) ?? 0) && millis > (before.get(name) ?? 0),
  );
  if (!isBeyond) return null;
  const sums = `total quota guarantees '${amountsText(guaranteed)}'`;
  const capacity = `cluster capacity '${amountsText(allocator.totals)}'`;
  return `${sums} exceed ${capacity} (use 'force' flag to bypass this check)`;
}

function amountsText(amounts: Amounts): string {
  return [...amounts]
    .filter(([, millis]) => millis > 0)
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, millis]) => `${name}:${formatMillis(millis)}`)
    .join("; ");
}
