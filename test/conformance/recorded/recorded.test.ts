// The recorded exchanges against a real cluster: three master processes and an agent process with real tasks.
import { eventually, startTestCluster } from "../../support/cluster.ts";
import { recordedExchanges } from "./suite.ts";
import { registeredAgent, type Target } from "./target.ts";

/** Those of the agent in the recordings: some answers name the capacity of the cluster. */
const RECORDED_RESOURCES = "cpus:2;mem:4096;disk:8192;ports:[31000-32000]";

recordedExchanges(startCluster);

async function startCluster(): Promise<Target> {
  const cluster = await startTestCluster({
    agents: 1,
    agentFlags: ["--resources", RECORDED_RESOURCES, "--attributes", "rack:r1;zone:z1"],
  });
  const leader = await cluster.ready();
  const port = Number(leader.api.split(":")[1]);
  const [agent] = cluster.agents;
  return {
    port,
    agentId: () => registeredAgent(port),
    async unregisterAgent() {
      await agent?.end("SIGUSR1");
    },
    async startAgent() {
      await eventually("the other agent to have ended", () => agent?.pid() === undefined);
      agent?.start();
      await registeredAgent(port);
    },
    stop: () => cluster.destroy(),
  };
}
