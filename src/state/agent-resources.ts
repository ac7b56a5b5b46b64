// What an agent has: its own resources, and what operations have made of them. The log is the truth: an agent that
// registers again names only its own resources, and what was reserved and made into volumes counts again. Who is reserved
// what on an agent that is forgotten is forgotten with it.
import { add, contains, type Resources, without } from "../allocator/index.ts";
import type { Agent, Conversions } from "./model.ts";

/** All that it has, reservations and volumes among it. */
export function totalOf(agent: Pick<Agent, "spec" | "conversions">): Resources {
  const { spec, conversions } = agent;
  return conversions === undefined ? spec.resources : converted(spec.resources, conversions);
}

/** The same if its own resources were these; null if they are less than what was made into something else. */
export function totalWith(agent: Pick<Agent, "conversions">, own: Resources): Resources | null {
  const { conversions } = agent;
  if (conversions === undefined) return own;
  return contains(own, conversions.from) ? converted(own, conversions) : null;
}

/** With one operation more, which made `to` of `from`; undefined if all is as it was. */
export function conversionsAfter(
  before: Conversions | undefined,
  from: Resources,
  to: Resources,
): Conversions | undefined {
  const { from: own, to: made } = before ?? { from: [], to: [] };
  const taken = add(own, without(from, made));
  const left = add(without(made, from), to);
  const undone = common(taken, left);
  const after = { from: without(taken, undone), to: without(left, undone) };
  return after.from.length === 0 && after.to.length === 0 ? undefined : after;
}

function converted(own: Resources, { from, to }: Conversions): Resources {
  return add(without(own, from), to);
}

function common(a: Resources, b: Resources): Resources {
  return without(a, without(a, b));
}
