// What frameworks ask for keeps agents from them: by examples, and against the reference over random histories with a
// naive evaluation.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AgentFacts,
  type AllocateOptions,
  type AllocatorState,
  addFilter,
  allocate,
  ConstraintCache,
  createAllocatorState,
  explain,
  format,
  type Minimum,
  type Predicate,
  type Requirements,
  type RoleConstraints,
  type Selector,
  scalarOf,
  setAgentRemote,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, framework, join, res, role, show } from "./helpers.ts";
import { apply, arbitraryStep, ROLES, type Step } from "./history.ts";
import { noFacts, type Offer, referenceCycle } from "./reference.ts";

const rack = { kind: "attribute", name: "rack" } as const;
const inRack = (value: string): RoleConstraints => [
  [{ selector: rack, predicate: { kind: "text-equals", value } }],
];
const asking = (constraints: RoleConstraints | null, minimum: Minimum | null = null): Requirements => ({
  constraints,
  minimum,
});

/** @param asked by `framework role` */
function options(
  asked: Readonly<Record<string, Requirements>>,
  racks: Readonly<Record<string, string>> = {},
  cache?: ConstraintCache,
): AllocateOptions {
  const facts = Object.fromEntries(
    Object.entries(racks).map(([agentId, text]): [string, AgentFacts] => [
      agentId,
      { hostname: agentId, region: null, zone: null, attributes: [{ name: "rack", text }] },
    ]),
  );
  const nothing = { hostname: "", region: null, zone: null, attributes: [] };
  return {
    requirements: {
      requirementsOf: (frameworkId, name) => asked[`${frameworkId} ${name}`] ?? null,
      factsOf: (agentId) => facts[agentId] ?? nothing,
      ...(cache === undefined ? {} : { cache }),
    },
  };
}

const offers = (state: AllocatorState, more: AllocateOptions): string[] =>
  allocate(state, at(0), more).map(show);
const RACKS = { "c-S0": "r1", "c-S1": "r2", "c-S2": "r1" };
const small = "cpus:1;mem:64";

describe("offer constraints", () => {
  it("keep an agent from the framework in that role only", () => {
    const state = cluster([small, small, small], ["a b", "b"]);
    const asked = { "c-0001 a": asking(inRack("r2")), "c-0001 b": asking(inRack("none")) };
    expect(offers(state, options(asked, RACKS))).toEqual([
      "c-S0 c-0002 b: cpus:1; mem:64",
      "c-S1 c-0001 a: cpus:1; mem:64",
      "c-S2 c-0002 b: cpus:1; mem:64",
    ]);
  });

  it("leave an agent with nobody when they exclude all, filters and missing GPUs considered", () => {
    const state = cluster([small, "cpus:1;gpus:1", small], []);
    join(state, 1, "a", { gpu: true });
    join(state, 2, "a");
    addFilter(state, framework(2), role("a"), agent(0), res(small), at(99));
    const asked = { "c-0001 a": asking(inRack("r9")) };
    expect(offers(state, options(asked, RACKS))).toEqual(["c-S2 c-0002 a: cpus:1; mem:64"]);
    expect(closedAgents(state, options(asked, RACKS))).toEqual({
      "c-S0": "all-refused",
      "c-S1": "all-excluded",
    });
  });

  it("of those who may not have an agent in another region do not keep it from who may", () => {
    const state = cluster([small], ["a", "a"]);
    join(state, 3, "a", { regionAware: true });
    setAgentRemote(state, agent(0), true);
    const asked = {
      "c-0001 a": asking(inRack("r9")),
      "c-0002 a": asking(inRack("r8")),
      "c-0003 a": asking(inRack("r1")),
    };
    const cache = new ConstraintCache();
    expect(offers(state, options(asked, RACKS, cache))).toEqual(["c-S0 c-0003 a: cpus:1; mem:64"]);
    setAgentRemote(state, agent(0), false);
    expect(offers(state, options({ ...asked, "c-0002 a": asking(inRack("r1")) }, RACKS, cache))).toEqual([
      "c-S0 c-0002 a: cpus:1; mem:64",
    ]);
  });

  it("cost nothing while nothing changes", () => {
    const state = cluster([small, small, small], ["a", "b"]);
    const cache = new ConstraintCache();
    const asked = { "c-0001 a": asking(inRack("r9")), "c-0002 b": asking(inRack("r8")) };
    const same = options(asked, RACKS, cache);
    expect(offers(state, same)).toEqual([]);
    expect(cache.evaluations).toBe(6);
    expect(offers(state, same)).toEqual([]);
    expect(cache.evaluations).toBe(6);
    expect(offers(state, options(asked, { ...RACKS, "c-S2": "r8" }, cache))).toHaveLength(1);
    expect(cache.evaluations).toBe(8);
    const others = { ...asked, "c-0001 a": asking(inRack("r2")) };
    expect(offers(state, options(others, { ...RACKS, "c-S2": "r8" }, cache))).toHaveLength(2);
    expect(cache.evaluations).toBe(11);
  });
});

describe("a least amount of a framework's role", () => {
  const asks = (minimum: Minimum) => ({ "c-0001 a": asking(null, minimum) });

  it("keeps from it what holds none of the alternatives", () => {
    const state = cluster(["cpus:4;mem:8", "cpus:1;mem:64", "cpus:1;mem:8"], ["a"]);
    expect(offers(state, options(asks([{ cpus: 2_000 }, { mem: 64_000 }])))).toEqual([
      "c-S0 c-0001 a: cpus:4; mem:8",
      "c-S1 c-0001 a: cpus:1; mem:64",
    ]);
    expect(offers(state, options(asks([{ cpus: 2_000, mem: 9_000 }])))).toEqual([]);
  });

  it("counts instead of the cluster's, also when it is less or nothing", () => {
    const state = cluster(["disk:5", small], ["a", "b"]);
    expect(offers(state, options({}))).toEqual(["c-S1 c-0001 a: cpus:1; mem:64"]);
    expect(offers(state, options(asks([{ disk: 1_000 }])))).toEqual([
      "c-S0 c-0001 a: disk:5",
      "c-S1 c-0002 b: cpus:1; mem:64",
    ]);
    expect(offers(state, options(asks([])))).toEqual([
      "c-S0 c-0001 a: disk:5",
      "c-S1 c-0002 b: cpus:1; mem:64",
    ]);
  });
});

describe("explain", () => {
  it("names the constraint, and the value that failed it", () => {
    const state = cluster([small, small], ["a", "b"]);
    const more = options({ "c-0001 a": asking(inRack("r2")) }, RACKS);
    const [first, second] = explain(state, at(0), framework(1), [], more).agents;
    expect(first?.verdict).toEqual({
      kind: "refused",
      reasons: [
        {
          role: "a",
          reason: {
            kind: "constraint",
            failures: [
              {
                constraint: { selector: rack, predicate: { kind: "text-equals", value: "r2" } },
                value: { kind: "text", text: "r1" },
              },
            ],
          },
        },
      ],
    });
    expect(second?.verdict.kind).toBe("offered");
  });

  it("says by how much a minimum is missed, alternative by alternative", () => {
    const state = cluster([small], ["a", "b"]);
    const minimum = [{ cpus: 3_000, mem: 1_000 }, { disk: 5 }];
    const more = options({ "c-0001 a": asking(null, minimum) });
    expect(explain(state, at(0), framework(1), [], more).agents[0]?.verdict).toMatchObject({
      reasons: [{ role: "a", reason: { kind: "minimum", minimum, lacks: [{ cpus: 2_000 }, { disk: 5 }] } }],
    });
  });

  it("tells what the framework itself asks of an agent that nobody may have", () => {
    const state = cluster([small], ["a"]);
    const excluded = options({ "c-0001 a": asking(inRack("r2")) });
    expect(explain(state, at(0), framework(1), [], excluded).agents[0]?.verdict).toMatchObject({
      kind: "closed",
      reason: { kind: "all-excluded" },
      own: [{ role: "a", reason: { kind: "constraint", failures: [{ value: { kind: "missing" } }] } }],
    });
    const tooSmall = options({ "c-0001 a": asking(null, [{ cpus: 9_000 }]) });
    expect(explain(state, at(0), framework(1), [], tooSmall).agents[0]?.verdict).toMatchObject({
      kind: "closed",
      reason: { kind: "below-minimum" },
      own: [{ role: "a", reason: { kind: "minimum", lacks: [{ cpus: 8_000 }] } }],
    });
  });
});

function closedAgents(state: AllocatorState, more: AllocateOptions): Record<string, string> {
  const closed = explain(state, at(0), framework(1), [], more).agents.flatMap(({ agentId, verdict }) =>
    verdict.kind === "closed" ? [[agentId, verdict.reason.kind]] : [],
  );
  return Object.fromEntries(closed);
}

const text = fc.constantFrom("a", "b", "ab");
const selector: fc.Arbitrary<Selector> = fc.constantFrom(
  { kind: "attribute", name: "x" },
  { kind: "attribute", name: "y" },
  { kind: "hostname" },
  { kind: "region" },
);
const regex = fc.constantFrom("a", "[ab]", "a?b", "b+", "(a|b)*");
const predicate: fc.Arbitrary<Predicate> = fc.oneof(
  fc.constant({ kind: "exists" as const }),
  fc.constant({ kind: "not-exists" as const }),
  fc.record({ kind: fc.constant("text-equals" as const), value: text }),
  fc.record({ kind: fc.constant("text-not-equals" as const), value: text }),
  fc.record({ kind: fc.constant("text-matches" as const), regex }),
  fc.record({ kind: fc.constant("text-not-matches" as const), regex }),
);
const constraints: fc.Arbitrary<RoleConstraints> = fc.array(
  fc.array(fc.record({ selector, predicate }), { minLength: 1, maxLength: 2 }),
  { minLength: 1, maxLength: 2 },
);
const agentFacts: fc.Arbitrary<AgentFacts> = fc.record({
  hostname: text,
  region: fc.option(text),
  zone: fc.constant(null),
  attributes: fc.array(fc.record({ name: fc.constantFrom("x", "y"), text: fc.option(text) }), {
    maxLength: 3,
  }),
});
const minimum: fc.Arbitrary<Minimum> = fc.array(
  fc.dictionary(fc.constantFrom("cpus", "mem"), fc.integer({ min: 0, max: 9_000 }), { minKeys: 1 }),
  { maxLength: 2 },
);

type Wish =
  | { readonly kind: "facts"; readonly agent: number; readonly facts: AgentFacts }
  | {
      readonly kind: "ask";
      readonly framework: number;
      readonly role: string;
      readonly asked: Requirements | null;
    };
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ kind: fc.constant("facts" as const), agent: fc.nat({ max: 6 }), facts: agentFacts }),
  fc.record({
    kind: fc.constant("ask" as const),
    framework: fc.nat({ max: 5 }),
    role: fc.constantFrom(...ROLES),
    asked: fc.option(fc.record({ constraints: fc.option(constraints), minimum: fc.option(minimum) })),
  }),
);
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: arbitraryStep }, { weight: 2, arbitrary: wish }), {
  minLength: 1,
  maxLength: 50,
});

interface Wishes {
  readonly asked: Map<string, Requirements>;
  readonly facts: Map<number, AgentFacts>;
}
const UNKNOWN: AgentFacts = { hostname: "", region: null, zone: null, attributes: [] };
const CLUSTER_MINIMUM: Minimum = [{ cpus: 500 }];

/** The meaning, once more and plainly; expressions by the language's own engine. */
function naive({ asked, facts }: Wishes, offer: Offer): boolean {
  const wanted = asked.get(`${offer.framework} ${offer.role}`);
  const least = wanted?.minimum ?? CLUSTER_MINIMUM;
  const enough = least.some((set) =>
    Object.entries(set).every(([name, millis]) => scalarOf(offer.resources, name) >= millis),
  );
  if (offer.resources.length === 0 || (least.length > 0 && !enough)) return false;
  const known = facts.get(offer.agent) ?? UNKNOWN;
  return wanted?.constraints?.some((group) => group.every((one) => naiveHolds(one, known))) ?? true;
}

function naiveHolds(one: RoleConstraints[number][number], known: AgentFacts): boolean {
  const { selector: chosen, predicate: wanted } = one;
  const held =
    chosen.kind === "attribute"
      ? known.attributes.filter(({ name }) => name === chosen.name).slice(0, 1)
      : [{ text: known[chosen.kind] }].filter((each) => each.text !== null);
  const exists = held.length > 0;
  const [value] = held.map((each) => each.text);
  if (wanted.kind === "exists" || wanted.kind === "not-exists") return exists === (wanted.kind === "exists");
  const negative = wanted.kind.includes("not");
  if (!exists) return negative;
  if (value === null || value === undefined) return true;
  const same = "regex" in wanted ? new RegExp(`^(?:${wanted.regex})$`).test(value) : wanted.value === value;
  return same !== negative;
}

describe("over any history", () => {
  it.each([0, 64, 1_000_000])("offers are the reference's with %i bytes to remember", (bytes) => {
    fc.assert(
      fc.property(steps, (all) => {
        const [state, facts] = [createAllocatorState(), noFacts()];
        const world = { now: 0, nextAgent: 0, nextFramework: 0 };
        const wishes: Wishes = { asked: new Map(), facts: new Map() };
        const cache = new ConstraintCache({ bytesMax: bytes });
        const begin = ["agent", "framework", "agent", "framework", "agent"].map((kind) => ({ kind }) as Step);
        for (const step of [...begin, ...all]) {
          if (step.kind === "facts") wishes.facts.set(step.agent, step.facts);
          else if (step.kind === "ask") {
            if (step.asked === null) wishes.asked.delete(`${step.framework} ${step.role}`);
            else wishes.asked.set(`${step.framework} ${step.role}`, step.asked);
          } else apply(state, facts, world, step);
          const wants = (offer: Offer) => naive(wishes, offer);
          const expected = referenceCycle(facts, world.now, 0, wants).map(
            (offer) =>
              `${agent(offer.agent)} ${framework(offer.framework)} ${offer.role}: ${format(offer.resources)}`,
          );
          const more = sourceOf(wishes, cache);
          expect(allocate(state, at(world.now), more).map(show)).toEqual(expected);
          const evaluations = cache.evaluations;
          expect(allocate(state, at(world.now), more).map(show)).toEqual(expected);
          if (bytes === 1_000_000) expect(cache.evaluations).toBe(evaluations);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function sourceOf({ asked, facts }: Wishes, cache: ConstraintCache): AllocateOptions {
  const numberOf = (id: string): number => Number(/\d+$/.exec(id)?.[0]);
  return {
    minimum: CLUSTER_MINIMUM,
    requirements: {
      requirementsOf: (frameworkId, name) => asked.get(`${numberOf(frameworkId)} ${name}`) ?? null,
      factsOf: (agentId) => facts.get(numberOf(agentId)) ?? UNKNOWN,
      cache,
    },
  };
}
