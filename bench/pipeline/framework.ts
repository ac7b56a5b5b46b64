// A framework's subscription for the benchmark: raw records of its stream, offers as they come, calls as bytes.
import { decodeProtobuf, encodeProtobuf } from "../../src/contract/codec.ts";
import { messageTypes } from "../../src/contract/message-types.ts";
import type { Offer, SchedulerCall, TaskInfo } from "../../src/contract/types.ts";
import { CallSocket, schedulerRequest } from "./call-socket.ts";
import { EventSocket } from "./event-socket.ts";

const TASK_CPUS = 0.001;
const TASK_MEM = 1;
/** Stands in a template where the number of a task goes. */
const TASK_DIGITS = 9;
const TASK_PLACEHOLDER = "#".repeat(TASK_DIGITS);

export interface FrameworkHandlers {
  /** Every record of the stream but those that carry offers. */
  readonly onRecord: (record: Buffer) => void;
  readonly onOffers: (offers: readonly Offer[]) => void;
  readonly onFailure: (reason: string) => void;
}

export interface BenchFramework {
  readonly id: string;
  /** The bytes of a whole HTTP call. */
  request(call: Omit<SchedulerCall, "framework_id">): Buffer;
  /** Sends one call on a connection of its own; resolves at the 202. */
  call(call: Omit<SchedulerCall, "framework_id">): Promise<void>;
  close(): void;
}

/** @param api of the leading master */
export async function subscribe(
  api: string,
  name: string,
  handlers: FrameworkHandlers,
): Promise<BenchFramework> {
  const { stream, streamId, id } = await openStream(api, name, handlers);
  const bytesOf = (call: Omit<SchedulerCall, "framework_id">): Buffer => {
    const whole = { ...call, framework_id: { value: id } };
    return schedulerRequest(api, streamId, encodeProtobuf(messageTypes.SchedulerCall, whole));
  };
  const call = (parts: Omit<SchedulerCall, "framework_id">): Promise<void> =>
    new Promise((resolve) => {
      const socket = new CallSocket(api, handlers.onFailure);
      socket.send(bytesOf(parts), () => {
        socket.close();
        resolve();
      });
    });
  return { id, request: bytesOf, call, close: () => stream.close() };
}

interface OpenStream {
  readonly stream: EventSocket;
  readonly streamId: string;
  /** The framework's. */
  readonly id: string;
}

function openStream(api: string, name: string, handlers: FrameworkHandlers): Promise<OpenStream> {
  const info = { user: "nobody", name, roles: ["bench"], capabilities: [{ type: "MULTI_ROLE" as const }] };
  const body = encodeProtobuf(messageTypes.SchedulerCall, {
    type: "SUBSCRIBE",
    subscribe: { framework_info: info },
  });
  return new Promise((resolve) => {
    let streamId = "";
    const stream = new EventSocket(api, schedulerRequest(api, null, body), {
      onOpen(given) {
        streamId = given;
      },
      onRecord: (record) => take(record, handlers, (id) => resolve({ stream, streamId, id })),
      onFailure: (reason) => handlers.onFailure(`${name}: ${reason}`),
    });
  });
}

/** Byte 1 of an event is its type: SUBSCRIBED is 1, OFFERS is 2. */
function take(record: Buffer, handlers: FrameworkHandlers, subscribed: (id: string) => void): void {
  const type = record[1];
  if (type !== 1 && type !== 2) {
    handlers.onRecord(record);
    return;
  }
  const event = decodeProtobuf(messageTypes.SchedulerEvent, record);
  if (!event.ok) handlers.onFailure(event.error);
  else if (type === 1) subscribed(event.value.subscribed?.framework_id.value ?? "");
  else handlers.onOffers(event.value.offers?.offers ?? []);
}

interface Template {
  readonly bytes: Buffer;
  readonly offerAt: number;
  readonly tasksAt: readonly number[];
}

/** ACCEPTs that launch tasks: built once for each agent, and from then on only numbers are written into the bytes. */
export class LaunchTemplates {
  private readonly framework: BenchFramework;
  private readonly tasksPerCall: number;
  private readonly idPrefix: string;
  private readonly templates = new Map<string, Template>();
  private launched = 0;

  /** @param idPrefix begins the id of each task, before its number */
  constructor(framework: BenchFramework, tasksPerCall: number, idPrefix = "") {
    this.framework = framework;
    this.tasksPerCall = tasksPerCall;
    this.idPrefix = idPrefix;
  }

  /** A whole HTTP call that launches tasks of new ids on the offer. Valid until the next call for the same agent. */
  launch(offer: Offer): Buffer {
    const agentId = offer.agent_id.value;
    const template = this.template(agentId, offer.id.value.length);
    template.bytes.write(offer.id.value, template.offerAt, "latin1");
    for (const at of template.tasksAt) {
      template.bytes.write(String(this.launched++).padStart(TASK_DIGITS, "0"), at, "latin1");
    }
    return template.bytes;
  }

  private template(agentId: string, offerIdLength: number): Template {
    const key = `${agentId} ${offerIdLength}`;
    const known = this.templates.get(key);
    if (known !== undefined) return known;
    const task = tinyTask(this.idPrefix + TASK_PLACEHOLDER, agentId);
    const offerId = "?".repeat(offerIdLength);
    const bytes = this.framework.request({
      type: "ACCEPT",
      accept: {
        offer_ids: [{ value: offerId }],
        operations: [{ type: "LAUNCH", launch: { task_infos: Array(this.tasksPerCall).fill(task) } }],
        filters: { refuse_seconds: 0 },
      },
    });
    const tasksAt = placesOf(bytes, TASK_PLACEHOLDER);
    const made = { bytes, offerAt: bytes.indexOf(offerId), tasksAt };
    this.templates.set(key, made);
    return made;
  }
}

function tinyTask(id: string, agentId: string): TaskInfo {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
  return {
    name: "tiny",
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: [scalar("cpus", TASK_CPUS), scalar("mem", TASK_MEM)],
    command: { shell: true, value: "sleep 60" },
  };
}

/** Where the text begins, each time. */
export function placesOf(bytes: Buffer, text: string | Uint8Array): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) places.push(at);
  return places;
}
