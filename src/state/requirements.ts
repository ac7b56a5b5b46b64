// What frameworks ask for in their roles and what agents are, for the allocator's cycles: read from the state, so that a
// restored state asks for the same.
import type {
  AgentFacts,
  AllocateOptions,
  ConstraintCache,
  Minimum,
  RequirementsSource,
  RoleConstraints,
} from "../allocator/index.ts";
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import type { AgentSpec, ClusterState, Framework } from "./model.ts";

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
      requirementsOf: requirementsIn(state),
      factsOf: (agentId) => factsOf(state, agentId),
      ...(cache === undefined ? {} : { cache }),
    },
  };
}

/** By role, for a framework may ask for something in thousands of them. */
interface Asked {
  readonly constraints: ReadonlyMap<RoleName, RoleConstraints>;
  readonly minimums: ReadonlyMap<RoleName, Minimum>;
}

/** Reads what a framework asks for when it is first asked about: for as long as the state stays as it is. */
function requirementsIn(state: ClusterState): RequirementsSource["requirementsOf"] {
  const known = new Map<FrameworkId, Asked>();
  return (frameworkId, role) => {
    const asked = known.get(frameworkId) ?? askedBy(state.frameworks.get(frameworkId));
    known.set(frameworkId, asked);
    const constraints = asked.constraints.get(role) ?? null;
    const minimum = asked.minimums.get(role) ?? null;
    return constraints === null && minimum === null ? null : { constraints, minimum };
  };
}

function askedBy(framework: Framework | undefined): Asked {
  const { offerConstraints = [], spec } = framework ?? {};
  return {
    constraints: new Map(offerConstraints.map(({ role, constraints }) => [role, constraints])),
    minimums: new Map(spec?.minimums?.map(({ role, minimum }) => [role, minimum])),
  };
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
