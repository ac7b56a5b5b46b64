// The recorded exchanges against a real cluster: three master processes and an agent process with real tasks.
import { startTestCluster } from "../../support/cluster.ts";
import { recordedExchanges } from "./suite.ts";
import { registeredAgent, type Target } from "./target.ts";

recordedExchanges(startCluster);

async function startCluster(): Promise<Target> {
  const cluster = await startTestCluster({
    agents: 1,
    cpus: 2,
    mem: 4096,
    agentFlags: ["--attributes", "rack:r1;zone:z1"],
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
      agent?.start();
      await registeredAgent(port);
    },
    stop: () => cluster.destroy(),
  };
}
