// Which agents were offered to whom at another time, or to somebody else, in one run than in another. Two runs are alike to
// the millisecond until something differs; after that, most later offers differ as well, so the first ones say most.
import type { AgentId, FrameworkId, RoleName } from "../../kernel/ids.ts";
import type { OfferNote } from "./figures.ts";
import { DIFFERENCES_LISTED_MAX } from "./limits.ts";

export interface OfferHolder {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
}

/** At a moment, who was offered some of an agent in each run. */
export interface OfferDifference {
  readonly at: number;
  readonly agentId: AgentId;
  readonly before: readonly OfferHolder[];
  readonly after: readonly OfferHolder[];
}

export interface OfferDifferences {
  /** Moments at which an agent was offered in either run, and at how many of them not to the same. */
  readonly moments: number;
  readonly differing: number;
  /** The first ones, at most DIFFERENCES_LISTED_MAX. */
  readonly first: readonly OfferDifference[];
}

interface Moment {
  readonly at: number;
  readonly agentId: AgentId;
  readonly before: OfferHolder[];
  readonly after: OfferHolder[];
}

export function offersThatDiffer(
  before: readonly OfferNote[],
  after: readonly OfferNote[],
): OfferDifferences {
  const moments = new Map<string, Moment>();
  for (const note of before) momentOf(moments, note).before.push(holderOf(note));
  for (const note of after) momentOf(moments, note).after.push(holderOf(note));
  const differing = [...moments.values()].filter((each) => !isAlike(each)).sort((a, b) => a.at - b.at);
  return {
    moments: moments.size,
    differing: differing.length,
    first: differing.slice(0, DIFFERENCES_LISTED_MAX),
  };
}

function momentOf(moments: Map<string, Moment>, { at, agentId }: OfferNote): Moment {
  const key = `${at} ${agentId}`;
  const known = moments.get(key) ?? { at, agentId, before: [], after: [] };
  moments.set(key, known);
  return known;
}

function holderOf({ frameworkId, role }: OfferNote): OfferHolder {
  return { frameworkId, role };
}

function isAlike({ before, after }: Moment): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}
