// The three ways in that are measured: statuses of agents, calls of a framework, and calls that lead to many events each.
import { EventEmitter, on } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { STATUSES_PER_FRAME_MAX, type StatusReport } from "../../src/contract/agent-protocol.ts";
import type { Offer } from "../../src/contract/types.ts";
import { type BenchAgent, packFrame, registerAgent } from "./agents.ts";
import { CallSocket } from "./call-socket.ts";
import { type BenchFramework, LaunchTemplates, placesOf, subscribe } from "./framework.ts";
import { closedLoop, type Running, type Tally } from "./rounds.ts";

/** Agents of the cluster; tasks of the first two workloads are spread over them. */
const AGENTS = 64;
const TASKS_PER_AGENT = 16;
/** Of its tasks an agent may speak in one frame. */
const STATUSES_PER_FRAME = STATUSES_PER_FRAME_MAX;
/** Tasks that one ACCEPT launches in the third. */
const TASKS_PER_ACCEPT = 100;
/** By then the offers have come that were made before a SUPPRESS. Milliseconds. */
const LAST_OFFERS_MS = 300;
const UUID_MARK = Buffer.from("tepuiben", "latin1");
const OTHER_MARK = Buffer.from("tepuioth", "latin1");
const UUID_BYTES = 16;

export interface Stage {
  readonly api: string;
  readonly agents: readonly BenchAgent[];
  /** Has all the tasks; takes no more offers. */
  readonly framework: BenchFramework;
  readonly tasks: readonly { readonly id: string; readonly agent: BenchAgent }[];
  /** Called with the number of a status when the framework has been told. */
  onUpdate(action: (number: number) => void): void;
  close(): void;
}

export interface StageOptions {
  /** Begins the id of each task. */
  readonly idPrefix?: string;
  readonly tasksPerAgent?: number;
}

/** Registers agents, and a framework that launches the tasks of which the agents then speak. */
export async function setStage(
  api: string,
  { idPrefix = "", tasksPerAgent = TASKS_PER_AGENT }: StageOptions = {},
): Promise<Stage> {
  const agents: BenchAgent[] = [];
  for (let i = 0; i < AGENTS; i++) agents.push(await registerAgent(api, `bench-${i}`, fail));
  let updated: (number: number) => void = () => undefined;
  const offers = new EventEmitter();
  const offered = on(offers, "offer");
  const offerIds: Offer["id"][] = [];
  const framework = await subscribe(api, "statuses", {
    onRecord(record) {
      const at = record.indexOf(UUID_MARK);
      if (at >= 0) updated(record.readDoubleBE(at + UUID_MARK.length));
    },
    onOffers(more) {
      for (const offer of more) {
        offerIds.push(offer.id);
        offers.emit("offer", offer);
      }
    },
    onFailure: fail,
  });
  const launched = await launchOnAll(api, new LaunchTemplates(framework, tasksPerAgent, idPrefix), offered);
  await framework.call({ type: "SUPPRESS" });
  await sleep(LAST_OFFERS_MS);
  await framework.call({ type: "DECLINE", decline: { offer_ids: offerIds } });
  const byId = new Map(agents.map((agent) => [agent.id, agent]));
  const tasks = launched.flatMap((agentId, turn) => {
    const agent = byId.get(agentId);
    if (agent === undefined) throw new Error(`an offer of the unknown agent ${agentId}`);
    return Array.from({ length: tasksPerAgent }, (_, i) => ({
      id: idPrefix + String(turn * tasksPerAgent + i).padStart(9, "0"),
      agent,
    }));
  });
  return {
    api,
    agents,
    framework,
    tasks,
    onUpdate(action) {
      updated = action;
    },
    close() {
      framework.close();
      for (const agent of agents) agent.close();
    },
  };
}

/** One ACCEPT on the first offer of each agent. @returns the agents in the order of the calls */
async function launchOnAll(
  api: string,
  templates: LaunchTemplates,
  offers: AsyncIterable<readonly Offer[]>,
): Promise<readonly string[]> {
  const socket = new CallSocket(api, fail);
  const agentIds = new Set<string>();
  for await (const [offer] of offers) {
    if (offer === undefined || agentIds.has(offer.agent_id.value)) continue;
    agentIds.add(offer.agent_id.value);
    await new Promise<void>((resolve) => socket.send(templates.launch(offer), resolve));
    if (agentIds.size === AGENTS) break;
  }
  socket.close();
  return [...agentIds];
}

/**
 * TASK_RUNNING again and again, each with a new uuid; answered when the framework gets the UPDATE.
 * @param data of each status
 */
export function statusLoop(stage: Stage, inFlight: number, tally: Tally, data?: Uint8Array): Running {
  const open = new Map<number, () => void>();
  let sent = 0;
  stage.onUpdate((number) => {
    const done = open.get(number);
    if (done === undefined) fail(`an UPDATE for status ${number}, which is not open`);
    open.delete(number);
    done?.();
  });
  const frames = stage.tasks.map(({ id, agent }) => statusFrame(stage.framework.id, id, agent.id, data));
  return closedLoop(inFlight, tally, 1, (slot, done) => {
    const which = slot % stage.tasks.length;
    const frame = frames[which];
    if (frame === undefined) throw new Error("there are no tasks");
    const number = sent++;
    frame.bytes.writeDoubleBE(number, frame.numberAt);
    open.set(number, done);
    stage.tasks[which]?.agent.send(frame.bytes);
  });
}

/** Packed once; the number of each status is written into its uuid. */
function statusFrame(frameworkId: string, taskId: string, agentId: string, data?: Uint8Array) {
  const report = statusReport(frameworkId, taskId, agentId, UUID_MARK, data);
  const bytes = Buffer.from(packFrame({ kind: "status", ...report }));
  return { bytes, numberAt: bytes.indexOf(UUID_MARK) + UUID_MARK.length };
}

function statusReport(
  frameworkId: string,
  taskId: string,
  agentId: string,
  mark: Uint8Array,
  data?: Uint8Array,
): StatusReport {
  return {
    frameworkId,
    latestState: "TASK_RUNNING",
    status: {
      task_id: { value: taskId },
      agent_id: { value: agentId },
      executor_id: { value: taskId },
      state: "TASK_RUNNING",
      source: "SOURCE_EXECUTOR",
      timestamp: Date.now() / 1000,
      uuid: Buffer.concat([mark], UUID_BYTES),
      ...(data === undefined ? {} : { data }),
    },
  };
}

/**
 * Frames with a status of each of an agent's tasks, one frame under way for each agent; answered when the framework
 * gets the UPDATE of the frame's last status. The stage has as many tasks for each agent as fit into a frame.
 */
export function statusesLoop(stage: Stage, tally: Tally): Running {
  const open = new Map<number, () => void>();
  let sent = 0;
  stage.onUpdate((number) => {
    open.get(number)?.();
    open.delete(number);
  });
  const frames = stage.agents.map(({ id }) => {
    const tasks = stage.tasks.filter(({ agent }) => agent.id === id);
    return statusesFrame(
      stage.framework.id,
      tasks.map((task) => task.id),
      id,
    );
  });
  return closedLoop(frames.length, tally, STATUSES_PER_FRAME, (slot, done) => {
    const frame = frames[slot];
    if (frame === undefined) throw new Error("there are no agents");
    const number = sent++;
    for (const at of frame.numbersAt) frame.bytes.writeDoubleBE(number, at);
    open.set(number, done);
    stage.agents[slot]?.send(frame.bytes);
  });
}

/** Only the last status has the mark that the framework looks for. */
function statusesFrame(frameworkId: string, taskIds: readonly string[], agentId: string) {
  const statuses = taskIds.map((id, i) =>
    statusReport(frameworkId, id, agentId, i < taskIds.length - 1 ? OTHER_MARK : UUID_MARK),
  );
  const bytes = Buffer.from(packFrame({ kind: "statuses", statuses }));
  const marksAt = [...placesOf(bytes, OTHER_MARK), ...placesOf(bytes, UUID_MARK)];
  return { bytes, numbersAt: marksAt.map((at) => at + UUID_MARK.length) };
}

/**
 * KILL of tasks that live: one event each, told to the agent, which does nothing; answered by the 202.
 * @param callsPerConnection in flight at once
 */
export function callLoop(stage: Stage, inFlight: number, tally: Tally, callsPerConnection = 1): Running {
  const count = Math.ceil(inFlight / callsPerConnection);
  const sockets = Array.from({ length: count }, () => new CallSocket(stage.api, fail, callsPerConnection));
  const requests = stage.tasks.map(({ id }) =>
    stage.framework.request({ type: "KILL", kill: { task_id: { value: id } } }),
  );
  const loop = closedLoop(inFlight, tally, 1, (slot, done) => {
    const request = requests[slot % requests.length];
    if (request !== undefined) sockets[slot % count]?.send(request, done);
  });
  return {
    async stop() {
      await loop.stop();
      for (const socket of sockets) socket.close();
    },
  };
}

/** ACCEPTs of a hundred tasks each, as fast as offers come; answered by the 202. */
export async function launchLoop(stage: Stage): Promise<(tally: Tally) => Running> {
  const offers: Offer[] = [];
  let onOffers: () => void = () => undefined;
  const framework = await subscribe(stage.api, "launches", {
    onRecord: () => undefined,
    onOffers(more) {
      offers.push(...more);
      onOffers();
    },
    onFailure: fail,
  });
  const templates = new LaunchTemplates(framework, TASKS_PER_ACCEPT);
  const sockets = stage.agents.map(() => new CallSocket(stage.api, fail));
  const reviver = new CallSocket(stage.api, fail);
  const revive = framework.request({ type: "REVIVE" });
  return (tally) => {
    let open = 0;
    let reviving = false;
    let stopping: (() => void) | null = null;
    const send = (): void => {
      for (let offer = offers.pop(); offer !== undefined && stopping === null; offer = offers.pop()) {
        const socket = sockets.pop();
        if (socket === undefined) return void offers.push(offer);
        const startedAt = performance.now();
        open++;
        socket.send(templates.launch(offer), () => {
          tally.count(startedAt, TASKS_PER_ACCEPT + 1);
          sockets.push(socket);
          open--;
          answered();
        });
      }
    };
    /** What is left of the offers comes back; offers for it are asked for before nothing is left to do. */
    const answered = (): void => {
      if (stopping !== null) {
        if (open === 0 && !reviving) stopping();
      } else if (offers.length > 0) send();
      else if (open <= sockets.length && !reviving) {
        reviving = true;
        reviver.send(revive, () => {
          reviving = false;
          if (stopping !== null || (open === 0 && offers.length === 0)) answered();
        });
      }
    };
    onOffers = send;
    send();
    return {
      async stop() {
        await new Promise<void>((resolve) => {
          stopping = resolve;
          answered();
        });
        for (const socket of [...sockets, reviver]) socket.close();
        framework.close();
      },
    };
  };
}

/** What was measured would mean nothing; whoever started us cleans up. */
export function fail(reason: string): void {
  throw new Error(`the benchmark cannot go on: ${reason}`);
}
