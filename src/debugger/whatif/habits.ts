// How a framework answers offers, as far as a log shows it: after how long, and with which filters.
import type { FrameworkId, Millis } from "../../kernel/ids.ts";
import type { Event } from "../../state/events.ts";
import type { ClusterState, Offer } from "../../state/model.ts";
import { DEFAULT_REFUSE_MS, HOLDS_OFFERS_AFTER_MS } from "./limits.ts";

interface Refused {
  readonly at: Millis;
  /** 0 = no filter. */
  readonly refuseMs: number;
}

export interface Habits {
  /** The median from offer to answer; null for one that answers no offer. */
  readonly answerMs: number | null;
  readonly declines: readonly Refused[];
  readonly accepts: readonly Refused[];
}

/** Of a framework of which the log shows no offer. */
export const UNKNOWN_HABITS: Habits = { answerMs: 0, declines: [], accepts: [] };

export class HabitsReader {
  readonly #read: Map<
    FrameworkId,
    { delays: number[]; declines: Refused[]; accepts: Refused[]; held: number }
  > = new Map();

  /** @param state before the event */
  read(state: ClusterState, event: Event, time: Millis): void {
    if (event.kind === "OffersAccepted" || event.kind === "OffersDeclined") {
      const of = this.#of(event.frameworkId);
      const refuseMs = event.refuseUntil === null ? 0 : event.refuseUntil - time;
      (event.kind === "OffersAccepted" ? of.accepts : of.declines).push({ at: time, refuseMs });
      for (const id of event.offerIds) of.delays.push(time - (state.offers.get(id)?.madeAt ?? time));
    }
    for (const { frameworkId, madeAt } of endedWithout(state, event)) this.#held(frameworkId, time - madeAt);
  }

  habits(state: ClusterState, until: Millis): ReadonlyMap<FrameworkId, Habits> {
    for (const { frameworkId, madeAt } of state.offers.values()) this.#held(frameworkId, until - madeAt);
    return new Map(
      [...this.#read].map(([id, { delays, declines, accepts, held }]) => {
        const sorted = delays.sort((a, b) => a - b);
        const holds = sorted.length === 0 && held >= HOLDS_OFFERS_AFTER_MS;
        const answerMs = holds ? null : (sorted[sorted.length >> 1] ?? 0);
        return [id, { answerMs, declines, accepts }];
      }),
    );
  }

  #held(frameworkId: FrameworkId, ms: number): void {
    const of = this.#of(frameworkId);
    of.held = Math.max(of.held, ms);
  }

  #of(frameworkId: FrameworkId) {
    const known = this.#read.get(frameworkId);
    if (known !== undefined) return known;
    const fresh = { delays: [], declines: [], accepts: [], held: 0 };
    this.#read.set(frameworkId, fresh);
    return fresh;
  }
}

/** The offers that the event ends though they were not answered. */
function endedWithout(state: ClusterState, event: Event): readonly Offer[] {
  switch (event.kind) {
    case "OffersRescinded":
      return event.offers.flatMap(({ offerId }) => state.offers.get(offerId) ?? []);
    case "FrameworkDisconnected":
    case "FrameworkRemoved": {
      const offerIds = state.frameworks.get(event.frameworkId)?.offers.keys() ?? [];
      return [...offerIds].flatMap((offerId) => state.offers.get(offerId) ?? []);
    }
    case "LeaderElected":
      return [...state.offers.values()];
    default:
      return [];
  }
}

/** With which filter it would refuse now: as the last time, or the first if there was none yet. */
export function refuseMsAt(refusals: readonly Refused[], now: Millis): number {
  let low = 0;
  let high = refusals.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = refusals[middle]?.at ?? now;
    if (at <= now) low = middle + 1;
    else high = middle;
  }
  return (refusals[low - 1] ?? refusals[0])?.refuseMs ?? DEFAULT_REFUSE_MS;
}
