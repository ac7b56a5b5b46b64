import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failuresOf, satisfies } from "../../../src/allocator/constraints/evaluate.ts";
import { COMPILED_REGEXES_MAX } from "../../../src/allocator/constraints/limits.ts";
import type {
  AgentFacts,
  AttributeConstraint,
  Predicate,
  RoleConstraints,
  Selector,
} from "../../../src/allocator/constraints/model.ts";
import {
  DEFAULT_REGEX_LIMITS,
  problemOfRegex,
  RegexCache,
} from "../../../src/allocator/constraints/regex.ts";
import { ConstraintCache } from "../../../src/allocator/constraints/verdicts.ts";
import type { AgentId } from "../../../src/kernel/ids.ts";
import { agent } from "./helpers.ts";

const facts = (attributes: Record<string, string | null>, more: Partial<AgentFacts> = {}): AgentFacts => ({
  hostname: "node-1.example.com",
  region: null,
  zone: null,
  attributes: Object.entries(attributes).map(([name, text]) => ({ name, text })),
  ...more,
});
const rack: Selector = { kind: "attribute", name: "rack" };
const one = (predicate: Predicate, selector: Selector = rack): RoleConstraints => [[{ selector, predicate }]];
const { matches } = new RegexCache();

/** [predicate, text "r1", text "r2", no text, missing]: the table of Mesos' tests. */
const TABLE: readonly (readonly [Predicate, boolean, boolean, boolean, boolean])[] = [
  [{ kind: "exists" }, true, true, true, false],
  [{ kind: "not-exists" }, false, false, false, true],
  [{ kind: "text-equals", value: "r1" }, true, false, true, false],
  [{ kind: "text-not-equals", value: "r1" }, false, true, true, true],
  [{ kind: "text-matches", regex: "[a-s]1+" }, true, false, true, false],
  [{ kind: "text-not-matches", regex: "[a-s]1+" }, false, true, true, true],
];

describe("a constraint", () => {
  it.each(TABLE)("$kind", (predicate, first, second, notText, missing) => {
    const held = [
      facts({ rack: "r1" }),
      facts({ rack: "r2" }),
      facts({ rack: null }),
      facts({ other: "r1" }),
    ];
    expect(held.map((each) => satisfies(one(predicate), each, matches))).toEqual([
      first,
      second,
      notText,
      missing,
    ]);
  });

  it("looks at the first attribute of a name", () => {
    const twice: AgentFacts = {
      ...facts({}),
      attributes: [
        { name: "rack", text: "r1" },
        { name: "rack", text: "r2" },
      ],
    };
    expect(satisfies(one({ kind: "text-equals", value: "r1" }), twice, matches)).toBe(true);
    expect(satisfies(one({ kind: "text-equals", value: "r2" }), twice, matches)).toBe(false);
  });

  it("asks for the hostname, and for region and zone of a fault domain that may be missing", () => {
    const inZone = facts({}, { region: "eu", zone: "eu-1" });
    expect(
      satisfies(one({ kind: "text-matches", regex: "node-.*" }, { kind: "hostname" }), inZone, matches),
    ).toBe(true);
    expect(satisfies(one({ kind: "text-equals", value: "eu" }, { kind: "region" }), inZone, matches)).toBe(
      true,
    );
    expect(satisfies(one({ kind: "text-equals", value: "eu" }, { kind: "zone" }), inZone, matches)).toBe(
      false,
    );
    expect(satisfies(one({ kind: "exists" }, { kind: "region" }), facts({}), matches)).toBe(false);
    expect(
      satisfies(one({ kind: "text-not-equals", value: "x" }, { kind: "zone" }), facts({}), matches),
    ).toBe(true);
  });

  it("fails, negated or not, when its expression cannot be read", () => {
    for (const kind of ["text-matches", "text-not-matches"] as const) {
      expect(satisfies(one({ kind, regex: "[a" }), facts({ rack: "a" }), matches)).toBe(false);
    }
  });
});

describe("groups of constraints", () => {
  const foo: AttributeConstraint = {
    selector: { kind: "attribute", name: "foo" },
    predicate: { kind: "exists" },
  };
  const bar: AttributeConstraint = {
    selector: { kind: "attribute", name: "bar" },
    predicate: { kind: "text-equals", value: "b" },
  };

  it("hold together within a group, one of them is enough among groups", () => {
    expect(satisfies([[foo, bar]], facts({ foo: "1" }), matches)).toBe(false);
    expect(satisfies([[foo, bar]], facts({ foo: "1", bar: "b" }), matches)).toBe(true);
    expect(satisfies([[foo], [bar]], facts({ bar: "b" }), matches)).toBe(true);
    expect(satisfies([[foo], [bar]], facts({}), matches)).toBe(false);
  });

  it("say for each group which constraint failed first, and on what", () => {
    expect(failuresOf([[foo, bar], [bar]], facts({ foo: "1", bar: "c" }), matches)).toEqual([
      { constraint: bar, value: { kind: "text", text: "c" } },
      { constraint: bar, value: { kind: "text", text: "c" } },
    ]);
    expect(failuresOf([[foo, bar]], facts({}), matches)).toEqual([
      { constraint: foo, value: { kind: "missing" } },
    ]);
    expect(failuresOf([[foo], [bar]], facts({ bar: "b" }), matches)).toEqual([]);
  });
});

describe("a regular expression", () => {
  it("matches whole texts only", () => {
    expect(matches("b+", "abb")).toBe(false);
    expect(matches("b+|abb", "abb")).toBe(true);
    expect(matches("^abb$", "abb")).toBe(true);
    expect(matches("a.", "a\n")).toBe(false);
  });

  /** Mesos' own examples, and its words. */
  it.each([
    ["(a+){10}", null],
    ["192.168.(1[0-9]|3[4-7]|[1-9]|4[2-9]|[1-4][0-9]|5[3-8]|20[4-7]|53[0-5]).1", null],
    [
      "(a+){50}",
      "Regex '(a+){50}' is too complex: program size of 152 is larger than maximum of 100 allowed",
    ],
    ["(a+){500}", "Failed to construct regex from pattern '(a+){500}': pattern too large - compile failed"],
    ["[a-d", "Failed to construct regex from pattern '[a-d': missing ]: [a-d"],
    ["(a", "Failed to construct regex from pattern '(a': missing ): (a"],
    ["*a", "Failed to construct regex from pattern '*a': no argument for repetition operator: *"],
    ["a**", "Failed to construct regex from pattern 'a**': bad repetition operator: **"],
    ["a{2000}", "Failed to construct regex from pattern 'a{2000}': invalid repetition size: {2000}"],
    ["(?=a)", "Failed to construct regex from pattern '(?=a)': invalid perl operator: (?="],
    ["\\", "Failed to construct regex from pattern '\\': trailing \\"],
    ["\\8", "Failed to construct regex from pattern '\\8': invalid escape sequence: \\8"],
  ])("%s", (regex, problem) => {
    expect(problemOfRegex(regex, DEFAULT_REGEX_LIMITS)).toBe(problem);
  });

  it("is bounded by what the operator allows", () => {
    expect(problemOfRegex("(a+){50}", { memoryBytes: 1_000_000, programSize: 152 })).toBeNull();
    expect(problemOfRegex("abc", { memoryBytes: 100, programSize: 100 })).toContain("pattern too large");
    expect(problemOfRegex("a".repeat(513), { memoryBytes: 1e9, programSize: 1e9 })).toContain("too large");
  });

  it("agrees with JavaScript's engine on simple expressions", () => {
    const atom = fc.constantFrom("a", "b", "[ab]", "[^a]", ".", "(a|bb)", "a?", "b*", "(ab)+", "\\w", "a{2}");
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(atom, { minLength: 1, maxLength: 5 }), text, (atoms, value) => {
        const regex = atoms.join("");
        expect(matches(regex, value)).toBe(new RegExp(`^(?:${regex})$`, "u").test(value));
      }),
    );
  });

  it("does not take more than linear time", () => {
    expect(matches("(x+x+)+y", "x".repeat(50_000))).toBe(false);
  });

  it("is kept compiled, within bounds", () => {
    const cache = new RegexCache();
    for (let number = 0; number < COMPILED_REGEXES_MAX + 10; number++) {
      expect(cache.matches(`a{${number}}`, "a".repeat(number))).toBe(true);
    }
    expect(cache.size).toBe(COMPILED_REGEXES_MAX);
    for (let time = 0; time < 1_000; time++) expect(cache.matches("b|c", "c")).toBe(true);
  });
});

describe("remembered answers", () => {
  const constraints = one({ kind: "text-equals", value: "r1" });
  const fleet = (size: number) => new Map(Array.from({ length: size }, (_, number) => [agent(number), true]));
  const inRacks = (count: number) => {
    const all = Array.from({ length: count }, (_, number) => facts({ rack: `r${number}` }));
    return (agentId: AgentId) => all[numberOf(agentId) % count] ?? facts({});
  };
  const numberOf = (agentId: AgentId) => Number(/\d+$/.exec(agentId)?.[0]);

  it("are worked out once for each pair of constraints and agent", () => {
    const cache = new ConstraintCache();
    const [agents, factsOf] = [fleet(200), inRacks(4)];
    for (let cycle = 0; cycle < 3; cycle++) {
      cache.begin(agents, factsOf, [constraints]);
      for (const agentId of agents.keys()) {
        const excluded = cache.excludes(constraints, cache.slotOf(agentId, factsOf(agentId)));
        expect(excluded).toBe(numberOf(agentId) % 4 !== 1);
      }
    }
    expect(cache.evaluations).toBe(200);
    const equal = one({ kind: "text-equals", value: "r1" });
    expect(cache.excludes(equal, cache.slotOf(agent(1), factsOf(agent(1))))).toBe(false);
    expect(cache.evaluations).toBe(200);
  });

  it("are worked out anew when the agent's facts or the constraints change, and only then", () => {
    const cache = new ConstraintCache();
    cache.begin(fleet(1), () => facts({ rack: "r1" }), [constraints]);
    expect(cache.excludes(constraints, cache.slotOf(agent(0), facts({ rack: "r1" })))).toBe(false);
    expect(cache.excludes(constraints, cache.slotOf(agent(0), facts({ rack: "r1" })))).toBe(false);
    expect(cache.evaluations).toBe(1);
    expect(cache.excludes(constraints, cache.slotOf(agent(0), facts({ rack: "r2" })))).toBe(true);
    const others = one({ kind: "text-equals", value: "r2" });
    expect(cache.excludes(others, cache.slotOf(agent(0), facts({ rack: "r2" })))).toBe(false);
    expect(cache.evaluations).toBe(3);
  });

  it("need no more memory than they may, and are right without any", () => {
    const all = Array.from({ length: 10 }, (_, at) => one({ kind: "text-equals", value: `r${at}` }));
    const [agents, factsOf] = [fleet(100), inRacks(10)];
    for (const bytesMax of [0, 128, 1_000]) {
      const cache = new ConstraintCache({ bytesMax });
      for (let cycle = 0; cycle < 2; cycle++) {
        cache.begin(agents, factsOf, all);
        for (const agentId of agents.keys()) {
          const slot = cache.slotOf(agentId, factsOf(agentId));
          for (const [at, each] of all.entries()) {
            expect(cache.excludes(each, slot)).toBe(at !== numberOf(agentId) % 10);
          }
        }
        expect(cache.bytes).toBeLessThanOrEqual(bytesMax);
      }
    }
  });

  it("make room for constraints that are in use, and forget agents that are no more", () => {
    const cache = new ConstraintCache({ bytesMax: 64 });
    const others = one({ kind: "exists" });
    const factsOf = inRacks(1);
    for (const each of [constraints, others, others]) {
      cache.begin(fleet(1), factsOf, [each]);
      cache.excludes(each, cache.slotOf(agent(0), factsOf(agent(0))));
    }
    expect(cache.evaluations).toBe(2);
    for (let number = 1; number < 100; number++) cache.slotOf(agent(number), factsOf(agent(number)));
    cache.begin(fleet(1), factsOf, [others]);
    expect(cache.bytes).toBe(0);
  });

  it("are worked out over several cycles when one would take too long; until then nobody gets the agent", () => {
    const cache = new ConstraintCache({ workMax: 30 });
    const [agents, factsOf] = [fleet(100), inRacks(2)];
    const wanted = one({ kind: "text-not-equals", value: "r1" });
    const excluded: number[] = [];
    for (let cycle = 0; cycle < 5; cycle++) {
      cache.begin(agents, factsOf, [wanted]);
      const slots = [...agents.keys()].map((agentId) => cache.slotOf(agentId, factsOf(agentId)));
      excluded.push(slots.filter((slot) => cache.excludes(wanted, slot)).length);
      expect(cache.isBehind).toBe(cycle < 3);
    }
    expect(excluded).toEqual([85, 70, 55, 50, 50]);
    expect(cache.evaluations).toBe(100);
  });
});
