// What frameworks ask for in their roles and what agents are, for the allocator's cycles: read from the state, so that a
// restored state asks for the same.
import type { AgentFacts, AllocateOptions, ConstraintCache, Requirements } from "../allocator/index.ts";
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import type { AgentSpec, ClusterState } from "./model.ts";

/**
 * What cycles go by: the policy on record, and what frameworks ask for. The seed of what is drawn is made of the offers
 * that there were so far: a fact of the log, that is another after each cycle that offers something.
 */
export function allocateOptions(state: ClusterState, cache?: ConstraintCache): AllocateOptions {
  return {
    ...state.policy,
    seed: `${state.clusterId}-O${state.minted.offers}`,
    outstanding: () => state.offers.values(),
    requirements: {
      requirementsOf: (frameworkId, role) => requirementsOf(state, frameworkId, role),
      factsOf: (agentId) => factsOf(state, agentId),
      ...(cache === undefined ? {} : { cache }),
    },
  };
}

function requirementsOf(state: ClusterState, frameworkId: FrameworkId, role: RoleName): Requirements | null {
  const framework = state.frameworks.get(frameworkId);
  const constraints = framework?.offerConstraints?.find((each) => each.role === role)?.constraints ?? null;
  const minimum = framework?.spec.minimums?.find((each) => each.role === role)?.minimum ?? null;
  return constraints === null && minimum === null ? null : { constraints, minimum };
}

function factsOf(state: ClusterState, agentId: AgentId): AgentFacts {
  const spec = state.agents.get(agentId)?.spec;
  return spec?.facts ?? factsFromTexts(spec);
}

/** Of an agent that registered with an older version of this program: all attributes count as texts. */
function factsFromTexts(spec: AgentSpec | undefined): AgentFacts {
  const attributes = Object.entries(spec?.attributes ?? {}).map(([name, text]) => ({ name, text }));
  return { hostname: spec?.hostname ?? "", region: null, zone: null, attributes };
}
