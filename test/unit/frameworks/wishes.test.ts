// What the SDK says of the offers that its user wants: in SUBSCRIBE, in UPDATE_FRAMEWORK, and again after a broken stream.
import { afterEach, expect, test } from "vitest";
import { Framework, type FrameworkOptions } from "../../../src/frameworks/sdk/index.ts";
import { call, type Json } from "../api/support/client.ts";
import { AGENT_INFO, FakeAgent } from "../api/support/fake-agent.ts";
import { startApi } from "../api/support/fixture.ts";
import { ScriptedMaster } from "./scripted-master.ts";

const running: { readonly master: ScriptedMaster; readonly framework: Framework }[] = [];

afterEach(async () => {
  for (const { framework, master } of running.splice(0)) {
    await framework.stop();
    await master.close();
  }
});

async function started(options: Partial<FrameworkOptions>) {
  const master = await new ScriptedMaster().start();
  const framework = new Framework({ masters: [master.address], name: "picky", ...options });
  running.push({ master, framework });
  await framework.start();
  return { master, framework };
}

/** Breaks the stream, and gives what the framework then subscribes with. */
async function again(master: ScriptedMaster) {
  const before = master.ofType("SUBSCRIBE").length;
  master.cutStream();
  await master.until(() => master.ofType("SUBSCRIBE").length > before);
  return master.ofType("SUBSCRIBE").at(-1)?.subscribe;
}

test("a framework without wishes says nothing of them", async () => {
  const { master } = await started({});
  const subscribe = master.ofType("SUBSCRIBE")[0]?.subscribe;
  expect(Object.keys(subscribe ?? {})).not.toContain("offer_constraints");
  expect(subscribe?.framework_info).toMatchObject({ roles: ["*"] });
  expect(subscribe?.framework_info.offer_filters).toBeUndefined();
  expect(subscribe?.framework_info.capabilities).not.toContainEqual({ type: "REGION_AWARE" });
});

test("wishes are said in Mesos' messages", async () => {
  const { master } = await started({
    roles: ["web", "batch"],
    suppressedRoles: ["batch"],
    regionAware: true,
    minimumOffers: { web: [{ cpus: 2, mem: 1_024 }, { gpus: 1 }], batch: [] },
    offerConstraints: {
      web: [
        [
          { attribute: "rack", equals: "r1" },
          { agent: "region", matches: "eu-.*" },
        ],
        [{ agent: "hostname", notEquals: "h1" }],
        [{ attribute: "old", exists: false }],
        [{ agent: "zone", notMatches: "x.*" }],
        [{ attribute: "ssd", exists: true }],
      ],
    },
  });
  const subscribe = master.ofType("SUBSCRIBE")[0]?.subscribe;
  expect(subscribe?.suppressed_roles).toEqual(["batch"]);
  expect(subscribe?.framework_info.capabilities).toContainEqual({ type: "REGION_AWARE" });
  expect(subscribe?.framework_info.offer_filters).toEqual({
    web: {
      min_allocatable_resources: {
        quantities: [
          { quantities: { cpus: { value: 2 }, mem: { value: 1_024 } } },
          { quantities: { gpus: { value: 1 } } },
        ],
      },
    },
    batch: { min_allocatable_resources: {} },
  });
  const only = (selector: object, predicate: object) => ({
    attribute_constraints: [{ selector, predicate }],
  });
  expect(subscribe?.offer_constraints?.role_constraints?.web?.groups).toEqual([
    {
      attribute_constraints: [
        { selector: { attribute_name: "rack" }, predicate: { text_equals: { value: "r1" } } },
        { selector: { pseudoattribute_type: "REGION" }, predicate: { text_matches: { regex: "eu-.*" } } },
      ],
    },
    only({ pseudoattribute_type: "HOSTNAME" }, { text_not_equals: { value: "h1" } }),
    only({ attribute_name: "old" }, { not_exists: {} }),
    only({ pseudoattribute_type: "ZONE" }, { text_not_matches: { regex: "x.*" } }),
    only({ attribute_name: "ssd" }, { exists: {} }),
  ]);
});

test("roles that are suppressed stay so when the stream breaks, and those that are revived do not", async () => {
  const { master, framework } = await started({ roles: ["a", "b", "c"] });
  await framework.suppress(["a", "b"]);
  await framework.revive(["b"]);
  expect(master.ofType("SUPPRESS")[0]?.suppress).toEqual({ roles: ["a", "b"] });
  expect(master.ofType("REVIVE")[0]?.revive).toEqual({ roles: ["b"] });
  expect((await again(master))?.suppressed_roles).toEqual(["a"]);
});

test("other wishes hold from then on, and what is refused changes nothing", async () => {
  const { master, framework } = await started({ roles: ["a"], minimumOffers: { a: [{ cpus: 1 }] } });
  await framework.updateWishes({ offerConstraints: { a: [[{ attribute: "rack", exists: true }]] } });
  const update = master.ofType("UPDATE_FRAMEWORK")[0]?.update_framework;
  expect(update?.framework_info).toMatchObject({ id: { value: "f-1" }, roles: ["a"] });
  expect(update?.framework_info.offer_filters?.a).toBeDefined();
  expect(update?.offer_constraints?.role_constraints?.a?.groups).toHaveLength(1);
  master.answer = () => ({ status: 400, text: "not these" });
  await expect(framework.updateWishes({ roles: ["b"] })).rejects.toMatchObject({ code: "refused" });
  const subscribe = await again(master);
  expect(subscribe?.framework_info.roles).toEqual(["a"]);
  expect(subscribe?.offer_constraints?.role_constraints?.a?.groups).toHaveLength(1);
});

test("a real master takes them, and offers by them", async () => {
  const { port, master } = await startApi();
  for (const hostname of ["h1", "h2"]) {
    const agent = new FakeAgent(port);
    agent.register(undefined, { ...AGENT_INFO, hostname });
    await agent.nextOf("registered");
  }
  const framework = new Framework({
    masters: [`127.0.0.1:${port}`],
    name: "picky",
    roles: ["a", "b"],
    suppressedRoles: ["b"],
    offerConstraints: { a: [[{ agent: "hostname", equals: "h2" }]] },
    minimumOffers: { a: [{ cpus: 1 }] },
  });
  const offered: string[] = [];
  const next = () =>
    new Promise<void>((resolve) => {
      framework.on("offers", (offers) => {
        offered.push(
          ...offers.map(({ hostname, allocation_info }) => `${hostname} ${allocation_info?.role}`),
        );
        resolve();
      });
    });
  const first = next();
  await framework.start();
  await first;
  expect(offered).toEqual(["h2 a"]);
  const shown = async (): Promise<Json> =>
    JSON.parse((await call(port, "/api/v1", { type: "GET_FRAMEWORKS" })).text).get_frameworks.frameworks[0];
  expect((await shown()).framework_info.offer_filters.a).toBeDefined();
  const second = next();
  await framework.revive(["b"]);
  master.allocate();
  await second;
  expect(offered).toContain("h1 b");
  await framework.updateWishes({ offerConstraints: {}, minimumOffers: {}, regionAware: true });
  expect((await shown()).offer_constraints).toEqual({});
  expect((await shown()).framework_info.capabilities).toContainEqual({ type: "REGION_AWARE" });
  await framework.stop();
});
