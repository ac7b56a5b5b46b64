// The `--weights` of a master (AL03): weights that the cluster begins with.
import { parseWeights } from "../api/index.ts";
import type { RoleWeight } from "../state/events.ts";

/** @param parts `role=weight` each. @throws Error that says which one is wrong and how */
export function parseInitialWeights(parts: readonly string[]): readonly RoleWeight[] {
  const infos = parts.map((part) => {
    const [, role, weight] = /^\s*([^=]+?)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    if (role === undefined) throw new Error(`--weights "${part}" is not of the form role=weight`);
    return { role, weight: Number(weight) };
  });
  const weights = parseWeights(infos);
  if (!weights.ok) throw new Error(`--weights: ${weights.error}`);
  return weights.value;
}
