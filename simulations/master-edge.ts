// The api of a simulated master, but for HTTP: agents' sessions are the api's own, frameworks speak frames.
import { AgentSessions } from "../src/api/agents/sessions.ts";
import type { ApiContext } from "../src/api/context.ts";
import type { MemberId } from "../src/kernel/ids.ts";
import type { EffectSink } from "../src/master/types.ts";
import type { Effect } from "../src/state/effects.ts";
import { SchedulerServer } from "./scheduler-server.ts";

export const AGENT_PORT = 5050;

export class MasterEdge implements EffectSink {
  readonly agents: AgentSessions;
  readonly frameworks: SchedulerServer;
  #leading = false;

  constructor(parts: Pick<ApiContext, "master" | "clock" | "random" | "tracer"> & { readonly name: string }) {
    const { name, ...ports } = parts;
    const advertised = { id: name, host: name, port: AGENT_PORT, version: "0.0.0" };
    const context: ApiContext = {
      ...ports,
      limits: { streamUnsentBytesMax: 1 << 24, requestBodyBytesMax: 1 << 23, operatorStreamsMax: 1 },
      flags: {},
      startedAt: parts.clock.wallMs(),
      isLeading: () => this.#leading,
      date: () => "",
      advertised: () => advertised,
      memberApiAddress: (id) => `${id}:${AGENT_PORT}`,
    };
    this.agents = new AgentSessions(context);
    this.frameworks = new SchedulerServer(context);
  }

  deliver(effect: Effect): void {
    if (effect.to === "framework") this.frameworks.deliver(effect.frameworkId, effect.event);
    else if (effect.to === "stream") this.frameworks.endStream(effect.streamId, effect.error);
    else if (effect.to === "agent") this.agents.deliverToAgent(effect.agentId, effect.message);
    else if (effect.to === "connection") this.agents.deliverToConnection(effect.connectionId, effect.message);
  }

  onLeading(): void {
    this.#leading = true;
  }

  onNotLeading(leader: MemberId | null): void {
    this.#leading = false;
    this.frameworks.endAll();
    this.agents.redirectAll(leader);
  }
}
