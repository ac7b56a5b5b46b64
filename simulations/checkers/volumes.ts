// Persistent volumes on agents: one keeps its data as long as it is, no other one of its id gets them, and at rest agents
// have the volumes that the log says they have.
import type { ClusterState } from "../../src/state/model.ts";
import type { AgentMachine } from "../machines.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("volumes");

export class VolumeData {
  /** Of every volume that was seen to be ready, by machine, agent, path and what tells it from others. */
  readonly #seen = new Map<string, number>();
  /** The volume that the data were seen in, by machine and data. */
  readonly #owners = new Map<string, string>();

  look(agents: readonly AgentMachine[]): void {
    for (const machine of agents) this.#lookAt(machine);
  }

  #lookAt({ name, agent, volumes }: AgentMachine): void {
    const status = agent?.status();
    for (const { path, phase, since } of status?.volumes ?? []) {
      if (phase !== "ready") continue;
      const data = volumes.folders.get(path) ?? -1;
      const key = `${name} ${status?.agentId} ${path} ${since}`;
      const before = this.#seen.get(key) ?? data;
      const owner = this.#owners.get(`${name} ${data}`) ?? key;
      const isRight = data !== -1 && before === data && owner === key;
      check(isRight, "a volume has lost its data, or has another one's", () => ({
        key,
        before,
        data,
        owner,
      }));
      this.#seen.set(key, data);
      this.#owners.set(`${name} ${data}`, key);
    }
  }
}

/** What is missing until the machine has the volumes that the log says it has; null if nothing is. */
export function whyVolumesDiffer({ name, agent, volumes }: AgentMachine, state: ClusterState): string | null {
  const status = agent?.status();
  const records = status?.volumes ?? [];
  const busy = records.find(({ phase }) => phase === "making" || phase === "removing");
  if (busy !== undefined) return `agent ${name} is ${busy.phase} ${busy.path}`;
  const known = [...state.agents.values()].find(({ id }) => id === status?.agentId)?.volumes ?? [];
  const ready = namesOf(records.filter(({ phase }) => phase === "ready"));
  if (ready !== namesOf(known)) return `agent ${name} has volumes ${ready}, not ${namesOf(known)}`;
  const paths = records.map(({ path }) => path).sort();
  const folders = [...volumes.folders.keys()].sort();
  return paths.join() === folders.join() ? null : `agent ${name} has folders ${folders}, not ${paths}`;
}

function namesOf(volumes: readonly { role: string; id: string; since: number }[]): string {
  const names = volumes.map(({ role, id, since }) => `${role} ${id} ${since}`);
  return names.sort().join(", ");
}
