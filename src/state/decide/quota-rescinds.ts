// Which offers end when quotas change: those by which a role would have more than its new limit, and then as many as it
// takes for what is newly guaranteed to be free, of those whose end brings that nearer. The oldest first, each whole.
import { chargesOf, exclusiveOf, type Quota, type QuotaPlan } from "../../allocator/index.ts";
import { countsAgainstQuota, factsOf } from "../../allocator/meta.ts";
import { lineOf } from "../../allocator/role-tree.ts";
import type { FrameworkId, OfferId, RoleName } from "../../kernel/ids.ts";
import { RESCINDED_OFFERS_MAX } from "../limits.ts";
import type { ClusterState, Offer } from "../model.ts";

type Amounts = Map<string, number>;
type Changes = ReadonlyMap<RoleName, Quota>;

interface RescindedOffer {
  readonly frameworkId: FrameworkId;
  readonly offerId: OfferId;
}

/** At most RESCINDED_OFFERS_MAX, and all that are optimistic. @param plan with the changes in it */
export function rescindedForQuotas(
  state: ClusterState,
  plan: QuotaPlan,
  changes: Changes,
): readonly RescindedOffer[] {
  const rescinding = new Rescinding(plan, changes);
  const counted = [...state.offers.values()].filter(({ optimistic }) => optimistic !== true);
  for (const offer of counted) if (rescinding.exceedsLimit(offer)) rescinding.rescind(offer);
  rescinding.findShortfall();
  for (const offer of counted) if (rescinding.helps(offer)) rescinding.rescind(offer);
  return [...rescinding.offers, ...optimisticOffers(state)];
}

/** They were made within the room that quotas left before: all of them end, and the next cycle makes others. */
function* optimisticOffers(state: ClusterState): Generator<RescindedOffer> {
  for (const { id, frameworkId, optimistic } of state.offers.values()) {
    if (optimistic === true) yield { frameworkId, offerId: id };
  }
}

/** What is offered in the roles and below them, as it counts against quotas. */
export function offeredAmounts(
  state: ClusterState,
  roles: ReadonlySet<RoleName>,
): ReadonlyMap<RoleName, Amounts> {
  const offered = new Map<RoleName, Amounts>([...roles].map((role) => [role, new Map()]));
  for (const offer of state.offers.values()) {
    if (offer.optimistic === true) continue;
    for (const { role, name, millis } of chargesOf(offer.role, offer.resources)) {
      const amounts = offered.get(role);
      amounts?.set(name, (amounts.get(name) ?? 0) + millis);
    }
  }
  return offered;
}

class Rescinding {
  readonly offers: RescindedOffer[] = [];
  readonly #plan: QuotaPlan;
  readonly #changes: Changes;
  readonly #rescinded: Set<OfferId> = new Set();
  /** What counts against the quota of a role, without the offers that are rescinded. */
  readonly #consumed: Map<RoleName, Amounts> = new Map();
  /** What those had of unreserved scalars. */
  readonly #freed: Amounts = new Map();
  /** What is missing for guarantees. */
  #shortfall: Amounts = new Map();

  constructor(plan: QuotaPlan, changes: Changes) {
    this.#plan = plan;
    this.#changes = changes;
  }

  exceedsLimit({ role, resources }: Offer): boolean {
    for (const charge of chargesOf(role, resources)) {
      const limit = this.#changes.get(charge.role)?.limits.get(charge.name);
      if (limit !== undefined && (this.#consumedOf(charge.role).get(charge.name) ?? 0) > limit) return true;
    }
    return false;
  }

  rescind({ id, frameworkId, role, resources }: Offer): void {
    if (this.offers.length >= RESCINDED_OFFERS_MAX || this.#rescinded.has(id)) return;
    this.offers.push({ frameworkId, offerId: id });
    this.#rescinded.add(id);
    for (const [name, gain] of this.#gains(role, resources)) addTo(this.#shortfall, name, -gain);
    // What is shared counts once for all who hold it, so the end of one offer frees none of it for certain.
    for (const charge of chargesOf(role, exclusiveOf(resources))) {
      addTo(this.#consumedOf(charge.role), charge.name, -charge.millis);
    }
    for (const [name, millis] of unreserved(resources)) addTo(this.#freed, name, millis);
  }

  /** Of what the changes guarantee. */
  findShortfall(): void {
    const names = new Set([...this.#changes.values()].flatMap(({ guarantees }) => [...guarantees.keys()]));
    if (names.size === 0) return;
    const missing = this.#plan.shortfall((role) => this.#consumedOf(role));
    this.#shortfall = new Map(
      [...missing]
        .filter(([name]) => names.has(name))
        .map(([name, millis]) => [name, millis - (this.#freed.get(name) ?? 0)]),
    );
  }

  helps({ id, role, resources }: Offer): boolean {
    if (this.#rescinded.has(id)) return false;
    for (const [name, gain] of this.#gains(role, resources)) {
      if (gain > 0 && (this.#shortfall.get(name) ?? 0) > 0) return true;
    }
    return false;
  }

  /** By how much less would be missing: not what the role, or one above it, is itself guaranteed. */
  *#gains(role: RoleName, resources: Offer["resources"]): Generator<readonly [string, number]> {
    if (this.#shortfall.size === 0) return;
    for (const [name, millis] of unreserved(resources)) {
      let gain = millis;
      for (const each of lineOf(role)) {
        const guarantee = this.#plan.quotaOf(each)?.guarantees.get(name);
        if (guarantee === undefined) continue;
        const spare = (this.#consumedOf(each).get(name) ?? 0) - guarantee;
        gain = Math.min(gain, Math.max(0, spare));
      }
      yield [name, gain];
    }
  }

  #consumedOf(role: RoleName): Amounts {
    const known = this.#consumed.get(role);
    if (known !== undefined) return known;
    const consumed = this.#plan.consumed(role);
    this.#consumed.set(role, consumed);
    return consumed;
  }
}

function* unreserved(resources: Offer["resources"]): Generator<readonly [string, number]> {
  for (const { name, meta, value } of resources) {
    if (value.kind === "scalar" && countsAgainstQuota(factsOf(meta))) yield [name, value.millis];
  }
}

function addTo(amounts: Amounts, name: string, millis: number): void {
  amounts.set(name, (amounts.get(name) ?? 0) + millis);
}
