// The framework of the README on a real cluster: it keeps its copies running whatever ends them, through the death of
// the leader too.
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepRunning } from "../../src/frameworks/examples/keep-running.ts";
import type { Framework } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";

const COPIES = 3;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 2 });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

test("the framework in the README keeps its copies running", async () => {
  const framework = await keepRunning(cluster.apis, COPIES, "exec sleep 600");
  const first = await copies(framework);
  const [one = ""] = first;
  await framework.kill(one);
  const second = await copies(framework, one);
  expect(second.filter((id) => first.includes(id))).toHaveLength(COPIES - 1);

  const leader = await cluster.leader();
  await leader.end("SIGKILL");
  const [two = ""] = second;
  await eventually("the framework to follow the leader", () => framework.leader() !== leader.api);
  await eventually("the kill to be taken", () => framework.kill(two).then(() => true));
  const third = await copies(framework, two);
  expect(third.filter((id) => second.includes(id))).toHaveLength(COPIES - 1);
  await framework.stop({ teardown: true });
});

/** Ids of the running copies, once there are as many as there should be and the one that was killed is not among them. */
function copies(framework: Framework, killed = ""): Promise<readonly string[]> {
  return eventually("all copies to run", async () => {
    const state = (await getJson(`http://${framework.leader()}/state`)) as State;
    const own = state.frameworks.find(({ id }) => id === framework.id());
    const ids = (own?.tasks ?? []).filter((task) => task.state === "TASK_RUNNING").map(({ id }) => id);
    return ids.length === COPIES && !ids.includes(killed) ? ids : undefined;
  });
}

interface State {
  readonly frameworks: readonly {
    readonly id: string;
    readonly tasks: readonly { readonly id: string; readonly state: string }[];
  }[];
}
