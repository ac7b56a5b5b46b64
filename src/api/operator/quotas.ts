// GET_QUOTA, UPDATE_QUOTA and the older SET_QUOTA and REMOVE_QUOTA (MO17), in the words of Mesos; the legacy `/quota` says
// the same.

import { formatMillis, toMillis } from "../../allocator/index.ts";
import { NAME_CHARACTERS_MAX } from "../../allocator/limits.ts";
import type {
  MasterCallUpdateQuota,
  QuotaConfig,
  QuotaInfo,
  QuotaRequest,
  QuotaStatus,
  ValueScalar,
} from "../../contract/types.ts";
import { asId, compareText, type RoleName } from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { Outcome } from "../../master/types.ts";
import type { QuotaAmounts } from "../../state/events.ts";
import type { ClusterState } from "../../state/model.ts";
import { type ApiContext, confirmed, replyToOutcome } from "../context.ts";
import { problemOfRole } from "../convert/ids.ts";
import { badRequest, empty, type Reply, text } from "../http/reply.ts";
import { QUOTA_AMOUNTS_MAX, QUOTAS_PER_CALL_MAX } from "../limits.ts";

type Amounts = QuotaAmounts["limits"];
type Scalars = Readonly<Record<string, ValueScalar>>;

/** All quotas by the names of their roles, emptied ones among them, and the same in the form that knew no limits. */
export function quotaStatus({ allocator }: ClusterState): QuotaStatus {
  const configs = [...allocator.quotas.keys()].sort(compareText).map((role) => {
    const quota = allocator.roles.get(role)?.quota;
    return configOf(role, sorted(quota?.guarantees ?? []), sorted(quota?.limits ?? []));
  });
  return configs.length === 0 ? {} : { infos: configs.map(infoOf), configs };
}

function configOf(role: RoleName, guarantees: Amounts, limits: Amounts): QuotaConfig {
  return {
    role,
    ...(guarantees.length === 0 ? {} : { guarantees: scalarsOf(guarantees) }),
    ...(limits.length === 0 ? {} : { limits: scalarsOf(limits) }),
  };
}

function infoOf({ role, guarantees }: QuotaConfig): QuotaInfo {
  if (guarantees === undefined) return { role };
  const guarantee = Object.entries(guarantees).map(
    ([name, scalar]) => ({ name, type: "SCALAR", scalar }) as const,
  );
  return { role, guarantee };
}

/** @param target path and query, for redirects */
export async function updateQuota(
  context: ApiContext,
  { force = false, quota_configs = [] }: MasterCallUpdateQuota,
  target: string,
): Promise<Reply> {
  const quotas = parseConfigs(quota_configs);
  if (!quotas.ok) return badRequest(`Invalid QuotaConfig: ${quotas.error}`);
  const outcome = await context.master.submit({ kind: "update-quotas", quotas: quotas.value, force });
  return answered(context, outcome, target, (problem) => badRequest(`Invalid QuotaConfig: ${problem}`));
}

/** What the deprecated calls do: a role has no quota before, and what is guaranteed is its limit too. */
export async function setQuota(
  context: ApiContext,
  { role = "", guarantee = [], force = false }: QuotaRequest,
  target: string,
): Promise<Reply> {
  const invalid = (problem: string) => badRequest(`Failed to validate set quota request: ${problem}`);
  const problem = problemOfRequest(role, guarantee);
  if (problem !== null) return invalid(problem);
  const guarantees = parseAmounts(
    Object.fromEntries(guarantee.map(({ name, scalar }) => [name, scalar ?? { value: 0 }])),
  );
  if (!guarantees.ok) return invalid(`QuotaInfo contains an invalid amount: ${guarantees.error}`);
  const outcome = await context.master.submit({
    kind: "set-quota",
    role: asId<RoleName>(role),
    guarantees: guarantees.value.filter(isNotZero),
    force,
  });
  return answered(context, outcome, target, (rejection, isBeyond) =>
    isBeyond
      ? text(409, `Heuristic capacity check for set quota request failed: ${rejection}`)
      : invalid(rejection),
  );
}

/** @param about how the refusal begins */
export async function removeQuota(
  context: ApiContext,
  role: string,
  about: string,
  target: string,
): Promise<Reply> {
  const outcome = await context.master.submit({ kind: "remove-quota", role: asId<RoleName>(role) });
  return answered(context, outcome, target, (problem) => badRequest(`${about}: ${problem}`));
}

async function answered(
  context: ApiContext,
  outcome: Outcome,
  target: string,
  refusal: (problem: string, isBeyondCapacity: boolean) => Reply,
): Promise<Reply> {
  if (outcome.kind !== "rejected") return replyToOutcome(context, outcome, empty(200), target);
  const { code, message } = outcome.rejection;
  return confirmed(context, refusal(message, code === "quota-beyond-capacity"), target);
}

function parseConfigs(
  configs: readonly QuotaConfig[],
): Result<readonly { readonly role: RoleName; readonly quota: QuotaAmounts }[], string> {
  const quotas = new Map<RoleName, QuotaAmounts>();
  for (const config of configs) {
    const quota = parseConfig(config);
    if (!quota.ok) return quota;
    quotas.set(asId<RoleName>(config.role), quota.value);
  }
  if (quotas.size > QUOTAS_PER_CALL_MAX) return err(`More than ${QUOTAS_PER_CALL_MAX} quotas at once`);
  return ok([...quotas].map(([role, quota]) => ({ role, quota })));
}

/** Of a guarantee of nothing nothing is kept; a limit of nothing is one. */
function parseConfig({ role, guarantees = {}, limits = {} }: QuotaConfig): Result<QuotaAmounts, string> {
  const problem = problemOfRole(role);
  if (problem !== null) return err(`Invalid 'QuotaConfig.role': ${problem}`);
  const guaranteed = parseAmounts(guarantees);
  if (!guaranteed.ok) return err(`Invalid guarantee configuration ${guaranteed.error}`);
  const limited = parseAmounts(limits);
  if (!limited.ok) return err(`Invalid limit configuration ${limited.error}`);
  const limitOf = new Map(limited.value);
  if (guaranteed.value.some(([name, millis]) => millis > (limitOf.get(name) ?? millis))) {
    const [own, allowed] = [amountsText(guaranteed.value), amountsText(limited.value)];
    return err(`'QuotaConfig.guarantees' ${own} is not contained within the 'QuotaConfig.limits' ${allowed}`);
  }
  return ok({ guarantees: guaranteed.value.filter(isNotZero), limits: limited.value });
}

/** By name. The error says which amount is wrong and why. */
function parseAmounts(scalars: Scalars): Result<Amounts, string> {
  const amounts = new Map<string, number>();
  for (const [name, { value }] of Object.entries(scalars)) {
    const millis = toMillis(value);
    if (!millis.ok) return err(`{'${name.slice(0, NAME_CHARACTERS_MAX)}': ${value}}: ${millis.error}`);
    if (name === "" || name.length > NAME_CHARACTERS_MAX) {
      return err(
        `{'${name.slice(0, NAME_CHARACTERS_MAX)}': ${value}}: the name must have 1 to ${NAME_CHARACTERS_MAX} characters`,
      );
    }
    amounts.set(name, millis.value);
  }
  if (amounts.size > QUOTA_AMOUNTS_MAX)
    return err(`of ${amounts.size} amounts: ${QUOTA_AMOUNTS_MAX} are allowed`);
  return ok(sorted(amounts));
}

/** What is wrong with a quota as SET_QUOTA has it, null if nothing. */
function problemOfRequest(role: string, guarantee: NonNullable<QuotaRequest["guarantee"]>): string | null {
  if (role === "") return "QuotaInfo must specify a role";
  const problem = problemOfRole(role);
  if (problem !== null) return `QuotaInfo with invalid role: ${problem}`;
  if (guarantee.length === 0) return "QuotaInfo with empty 'guarantee'";
  const names = new Set<string>();
  for (const { name, type, reservation, reservations, disk, revocable } of guarantee) {
    if (reservation !== undefined || (reservations ?? []).length > 0) {
      return "QuotaInfo must not contain any ReservationInfo";
    }
    if (disk !== undefined) return "QuotaInfo must not contain DiskInfo";
    if (revocable !== undefined) return "QuotaInfo must not contain RevocableInfo";
    if (type !== "SCALAR") return "QuotaInfo must not include non-scalar resources";
    if (names.has(name)) return `QuotaInfo contains duplicate resource name '${name}'`;
    names.add(name);
  }
  return null;
}

function isNotZero([, millis]: readonly [string, number]): boolean {
  return millis > 0;
}

function sorted(amounts: Iterable<readonly [string, number]>): Amounts {
  return [...amounts].sort(([a], [b]) => compareText(a, b));
}

function scalarsOf(amounts: Amounts): Scalars {
  return Object.fromEntries(amounts.map(([name, millis]) => [name, { value: millis / 1_000 }]));
}

function amountsText(amounts: Amounts): string {
  return `{ ${amounts.map(([name, millis]) => `${name}: ${formatMillis(millis)}`).join(", ")} }`;
}
