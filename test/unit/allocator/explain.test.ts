// Why a framework got an offer or not: by examples, and against cycles and the reference over random histories.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AgentVerdict,
  type AllocatorState,
  addFilter,
  allocate,
  createAllocatorState,
  type Explanation,
  equal,
  explain,
  format,
  hold,
  type Resources,
  setAgentActive,
  setAgentRemote,
  setFrameworkActive,
  setWeight,
  suppress,
  updateFramework,
} from "../../../src/allocator/index.ts";
import { compareText } from "../../../src/kernel/ids.ts";
import { agent, at, cluster, framework, join, names, res, role, star } from "./helpers.ts";
import { apply, arbitraryStep, MINIMUM_CPUS_MILLIS, type Step } from "./history.ts";
import {
  consumption,
  type Facts,
  free,
  isCapable,
  isFor,
  isLive,
  isShared,
  line,
  noFacts,
  sameClient,
} from "./reference.ts";

const small = "cpus:1;mem:64";
const LATER = at(60_000);

function why(state: AllocatorState, number: number, wanted?: Resources): Explanation {
  return explain(state, at(0), framework(number), wanted);
}

function verdicts(explanation: Explanation): Record<string, AgentVerdict["verdict"]> {
  return Object.fromEntries(explanation.agents.map(({ agentId, verdict }) => [agentId, verdict]));
}

describe("an agent", () => {
  it("is offered, or somebody else's turn came first", () => {
    const state = cluster([small, small], ["a", "b"]);
    expect(verdicts(why(state, 1))).toEqual({
      "c-S0": { kind: "offered", parts: [{ role: "a", resources: res(small) }] },
      "c-S1": { kind: "outranked", by: framework(2), role: "b" },
    });
  });

  it("is refused by a filter: whose, of what, until when", () => {
    const state = cluster([small], ["a b", "c"]);
    addFilter(state, framework(1), role("a"), agent(0), res("cpus:2;mem:99"), LATER);
    addFilter(state, framework(1), role("b"), agent(0), res(small), LATER);
    const { verdict } = why(state, 1).agents[0] ?? {};
    expect(verdict).toMatchObject({
      kind: "refused",
      reasons: [
        { role: "a", reason: { kind: "filter", filter: { until: LATER, resources: res("cpus:2;mem:99") } } },
        { role: "b", reason: { kind: "filter", filter: { until: LATER } } },
      ],
    });
  });

  it("is closed when all who compete refuse it, and the framework's own filters are told", () => {
    const state = cluster([small], ["a", "b"]);
    for (const number of [1, 2]) {
      addFilter(state, framework(number), role(number === 1 ? "a" : "b"), agent(0), res(small), LATER);
    }
    expect(why(state, 2).agents[0]?.verdict).toMatchObject({
      kind: "closed",
      reason: { kind: "all-refused" },
      own: [{ role: "b", reason: { filter: { until: LATER } } }],
    });
  });

  it("is closed when it is away, has nothing free, or too little", () => {
    const state = cluster([small, small, "cpus:1;mem:10"], ["*", "*"]);
    setAgentActive(state, agent(0), false);
    hold(state, framework(2), star, agent(1), res(small));
    hold(state, framework(2), star, agent(2), res("cpus:0.995;mem:4"));
    const reasons = why(state, 1).agents.map(
      ({ verdict }) => verdict.kind === "closed" && verdict.reason.kind,
    );
    expect(reasons).toEqual(["inactive", "nothing-free", "below-minimum"]);
    expect(format(why(state, 1).agents[2]?.free ?? [])).toBe("cpus:0.005; mem:6");
  });

  it("with GPUs is closed or refused to those without the capability", () => {
    const state = cluster(["cpus:1;gpus:1"], ["*"]);
    expect(why(state, 1).agents[0]?.verdict).toMatchObject({ reason: { kind: "nobody-competes" } });
    join(state, 2, "*", { gpu: true });
    expect(why(state, 1).agents[0]?.verdict).toEqual({
      kind: "refused",
      reasons: [{ role: "*", reason: { kind: "no-gpu-capability" } }],
    });
  });

  it("in another region is closed or refused to those that are not region-aware", () => {
    const state = cluster([small], ["*"]);
    setAgentRemote(state, agent(0), true);
    const factsOf = () => ({ hostname: "h", region: "us", zone: "us-1", attributes: [] });
    const options = { requirements: { requirementsOf: () => null, factsOf } };
    const verdict = () => explain(state, at(0), framework(1), [], options).agents[0]?.verdict;
    const own = [{ role: "*", reason: { kind: "remote-region", region: "us" } }];
    expect(verdict()).toEqual({ kind: "closed", reason: { kind: "nobody-competes" }, own });
    join(state, 2, "*", { regionAware: true });
    expect(verdict()).toEqual({ kind: "refused", reasons: own });
  });

  it("is left for the next cycle when this one is full", () => {
    const state = cluster([small, small], ["*"]);
    const { agents } = explain(state, at(0), framework(1), [], { offersMax: 1 });
    expect(agents.map(({ verdict }) => verdict.kind)).toEqual(["offered", "closed"]);
  });

  it("lacks what a task needs, now or for ever", () => {
    const state = cluster(["cpus:4;mem:64", "cpus:2;mem:512"], ["*", "*"]);
    hold(state, framework(2), star, agent(0), res("cpus:3"));
    const { agents } = why(state, 1, res("cpus:2;mem:128"));
    const lacking = agents.map(({ lacksFree, lacksTotal }) => [format(lacksFree), format(lacksTotal)]);
    expect(lacking).toEqual([
      ["cpus:1; mem:64", "mem:64"],
      ["", ""],
    ]);
  });
});

describe("a framework", () => {
  it("does not compete where it has suppressed, left or is away, and no agent concerns it then", () => {
    const state = cluster([small], ["a b"]);
    suppress(state, framework(1), names("a"));
    hold(state, framework(1), role("b"), agent(0), res("cpus:0.1"));
    updateFramework(state, framework(1), {
      roles: names("a"),
      suppressed: names("a"),
      capabilities: { gpu: false },
    });
    const explanation = why(state, 1);
    expect(explanation.roles.map(({ role, status }) => `${role} ${status}`)).toEqual([
      "a suppressed",
      "b left",
    ]);
    expect(explanation.agents[0]?.verdict).toEqual({ kind: "not-competing" });
    setFrameworkActive(state, framework(1), false);
    expect(why(state, 1)).toMatchObject({
      active: false,
      roles: [{ status: "inactive" }, { status: "left" }],
    });
  });

  it("is told its place at every level, and the shares of those before it", () => {
    const state = cluster(["cpus:10;mem:1000"], ["eng/ads", "eng/ads", "eng/web", "sales"]);
    hold(state, framework(1), role("eng/ads"), agent(0), res("cpus:2"));
    hold(state, framework(3), role("eng/web"), agent(0), res("mem:100"));
    hold(state, framework(4), role("sales"), agent(0), res("cpus:1"));
    setWeight(state, role("eng"), 2_000);
    const [standing] = why(state, 1).roles;
    expect(standing?.share).toEqual({ resource: "cpus", numerator: 2_000n, denominator: 10_000n });
    expect(
      standing?.levels.map(({ name, position, of, ahead, own }) => ({
        name,
        place: `${position}/${of}`,
        ahead: ahead.map((other) => `${other.name} ${other.weightedShare}`),
        own: own.weightedShare,
      })),
    ).toEqual([
      { name: "eng", place: "1/2", ahead: [], own: 0.1 },
      { name: "eng/ads", place: "2/2", ahead: ["eng/web 0.1"], own: 0.2 },
      { name: framework(1), place: "2/2", ahead: [`${framework(2)} 0`], own: 0.2 },
    ]);
  });
});

type Refusal = Extract<AgentVerdict["verdict"], { kind: "refused" }>["reasons"][number]["reason"];

function isTrue(facts: Facts, number: number, name: string, on: number, reason: Refusal, now: number) {
  const asked = { framework: number, role: name, agent: on, resources: [] };
  switch (reason.kind) {
    case "no-gpu-capability":
    case "remote-region":
      return !isCapable(facts, asked);
    case "filter":
      return facts.filters.some(
        (filter) =>
          sameClient(filter, asked) &&
          filter.agent === on &&
          filter.until > now &&
          filter.until === reason.filter.until &&
          equal(filter.resources, reason.filter.resources),
      );
    case "not-for-it":
      return reason.free.every(
        (one) => !isFor(facts, number, name, one.meta) || isSharedAndHeld(facts, on, one),
      );
    case "quota":
      return reason.bounds.length > 0 && reason.bounds.every((bound) => isBound(facts, name, bound));
    case "minimum":
      return facts.quotas.size > 0 || free(facts, on).some(({ meta }) => meta !== "");
    default:
      return false;
  }
}

/** Such a volume is no offer by itself (AL17). */
function isSharedAndHeld({ held }: Facts, on: number, one: Resources[number]): boolean {
  const isIt = ({ name, meta }: Resources[number]) => name === one.name && meta === one.meta;
  return isShared(one) && held.some(({ agent: its, resources }) => its === on && resources.some(isIt));
}

/** Offers of the same cycle may have brought a role to its limit: what it consumed before is no more than that. */
function isBound(facts: Facts, name: string, bound: Extract<Refusal, { kind: "quota" }>["bounds"][number]) {
  if (bound.kind === "headroom") return bound.needed >= bound.free && facts.quotas.size > 0;
  const limit = facts.quotas.get(bound.role)?.limits[bound.name];
  const isOfLine = line(name).includes(bound.role);
  return isOfLine && bound.limit === limit && consumption(facts, bound.role, bound.name) <= bound.consumed;
}

function byAgentAndRole(a: { agentId: string; role: string }, b: { agentId: string; role: string }): number {
  return compareText(`${a.agentId} ${a.role}`, `${b.agentId} ${b.role}`);
}

describe("over any history", () => {
  const beginning = ["agent", "framework", "agent", "framework", "agent", "framework"].map(
    (kind) => ({ kind }) as Step,
  );
  const histories = fc
    .array(arbitraryStep, { minLength: 1, maxLength: 50 })
    .map((rest) => [...beginning, ...rest]);

  /** Found by chance: what is left for a role is a shared volume that a task holds. */
  const held: Step[] = [
    ...beginning,
    { kind: "resize", n: 4, total: 8 },
    { kind: "cycle" },
    { kind: "decline", n: 0, refuse: 0 },
    { kind: "use", n: 0, part: 8, refuse: 0 },
    { kind: "agent" },
  ];

  /** What is left for a role is a shared volume that is larger than what its limit leaves, and given whole or not at all. */
  const tooLarge: Step[] = [
    ...beginning,
    { kind: "agent" },
    { kind: "resize", n: 0, total: 4 },
    { kind: "quota", role: 1, quota: 6 },
    { kind: "agent" },
  ];

  it("what is offered is what a cycle gives, and every refusal is one by the facts", () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const [state, facts] = [createAllocatorState(), noFacts()];
        const world = { now: 0, nextAgent: 0, nextFramework: 0 };
        for (const step of steps) apply(state, facts, world, step);
        const options = { minimum: [{ cpus: MINIMUM_CPUS_MILLIS }] };
        const given = allocate(state, at(world.now), options);
        for (const number of facts.frameworks.keys()) {
          const { agents } = explain(state, at(world.now), framework(number), [], options);
          expect(agents.map(({ agentId }) => agentId).sort()).toEqual([...state.agents.keys()].sort());
          const offered = agents.flatMap(({ agentId, verdict }) =>
            verdict.kind === "offered"
              ? verdict.parts.map((part) => ({ agentId, ...part, frameworkId: framework(number) }))
              : [],
          );
          const mine = given.filter(({ frameworkId }) => frameworkId === framework(number));
          expect(offered.sort(byAgentAndRole)).toEqual(mine.sort(byAgentAndRole));
          for (const { agentId, verdict } of agents) {
            if (verdict.kind === "outranked") {
              expect(given).toContainEqual(
                expect.objectContaining({ agentId, frameworkId: verdict.by, role: verdict.role }),
              );
            }
            if (verdict.kind !== "refused") continue;
            const live = [...(state.frameworks.get(framework(number))?.clients.keys() ?? [])].filter((name) =>
              isLive(facts, number, name),
            );
            expect(verdict.reasons.map((reason) => reason.role).sort()).toEqual(live.sort());
            for (const { role: name, reason } of verdict.reasons) {
              const on = Number(agentId.slice(agent(0).length - 1));
              const isRight = isTrue(facts, number, name, on, reason, world.now);
              expect(isRight, `${agentId} ${name} ${reason.kind}`).toBe(true);
            }
          }
        }
      }),
      { numRuns: 200, examples: [[held], [tooLarge]] },
    );
  });

  it("asking changes nothing", () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const [state, facts] = [createAllocatorState(), noFacts()];
        const world = { now: 0, nextAgent: 0, nextFramework: 0 };
        for (const step of steps) apply(state, facts, world, step);
        const before = structuredClone(state);
        for (const number of facts.frameworks.keys()) explain(state, at(world.now), framework(number));
        expect(state).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });
});
