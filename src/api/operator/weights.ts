// GET_WEIGHTS and UPDATE_WEIGHTS (MO10), in the words of Mesos; the legacy `/weights` says the same.
import { WEIGHT_MILLIS_MAX } from "../../allocator/index.ts";
import type { WeightInfo } from "../../contract/types.ts";
import { asId, compareText, type RoleName } from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { RoleWeight } from "../../state/events.ts";
import type { ClusterState } from "../../state/model.ts";
import { type ApiContext, replyToOutcome } from "../context.ts";
import { problemOfRole } from "../convert/ids.ts";
import { badRequest, empty, type Reply } from "../http/reply.ts";
import { WEIGHTS_PER_CALL_MAX } from "../limits.ts";

/** Every weight that was ever set, by the name of its role. */
export function weightInfos(state: ClusterState): readonly WeightInfo[] {
  return [...state.weights]
    .sort(([a], [b]) => compareText(a, b))
    .map(([role, weightMillis]) => ({ weight: weightMillis / 1_000, role }));
}

/** @param target path and query, for redirects */
export async function updateWeights(
  context: ApiContext,
  infos: readonly WeightInfo[],
  target: string,
): Promise<Reply> {
  const weights = parseWeights(infos);
  if (!weights.ok) return badRequest(weights.error);
  const outcome = await context.master.submit({ kind: "update-weights", weights: weights.value });
  return replyToOutcome(context, outcome, empty(200), target);
}

/**
 * Thousandths of a weight count, as with resources; of a role that comes twice the last weight counts.
 * @returns the weights, or what is wrong with the first bad one
 */
export function parseWeights(infos: readonly WeightInfo[]): Result<readonly RoleWeight[], string> {
  const weights = new Map<RoleName, number>();
  for (const { role = "", weight } of infos) {
    const name = role.trim();
    const problem = problemOfRole(name);
    if (problem !== null) {
      return err(`Failed to validate update weights request JSON: Invalid role '${name}': ${problem}`);
    }
    const fault = problemOfWeight(weight);
    if (fault !== null) {
      const about = `Failed to validate update weights request JSON for role '${name}'`;
      return err(`${about}: Invalid weight '${weight}': ${fault}`);
    }
    weights.set(asId<RoleName>(name), Math.round(weight * 1_000));
  }
  if (weights.size > WEIGHTS_PER_CALL_MAX) return err(`More than ${WEIGHTS_PER_CALL_MAX} weights at once`);
  return ok([...weights].map(([role, weightMillis]) => ({ role, weightMillis })));
}

function problemOfWeight(weight: number): string | null {
  if (!(weight > 0)) return "Weights must be positive";
  const millis = Math.round(weight * 1_000);
  if (millis >= 1 && millis <= WEIGHT_MILLIS_MAX) return null;
  return `Weights must be between 0.001 and ${WEIGHT_MILLIS_MAX / 1_000}`;
}
