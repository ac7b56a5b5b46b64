// A framework's subscription for the benchmark: raw records of its stream, offers as they come, calls as bytes.
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { decodeProtobuf, encodeProtobuf } from "../../src/contract/codec.ts";
import { messageTypes } from "../../src/contract/message-types.ts";
import { RecordDecoder } from "../../src/contract/record-io.ts";
import type { Offer, SchedulerCall, TaskInfo } from "../../src/contract/types.ts";
import { CallSocket, schedulerRequest } from "./call-socket.ts";

const PROTOBUF = "application/x-protobuf";
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
  const decoder = new RecordDecoder();
  const { outgoing, response } = await openStream(api, name);
  const streamId = String(response.headers["mesos-stream-id"]);
  let closing = false;
  const id = await new Promise<string>((resolve) => {
    response.on("data", (bytes: Buffer) => {
      const records = decoder.push(bytes);
      if (!records.ok) return handlers.onFailure(records.error);
      for (const record of records.value) take(Buffer.from(record.buffer), handlers, resolve);
    });
    response.on("close", () => {
      if (!closing) handlers.onFailure(`the stream of ${name} was closed`);
    });
    response.on("error", (error) => {
      if (!closing) handlers.onFailure(error.message);
    });
  });
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
  return {
    id,
    request: bytesOf,
    call,
    close() {
      closing = true;
      outgoing.destroy();
    },
  };
}

function openStream(
  api: string,
  name: string,
): Promise<{ readonly outgoing: ClientRequest; readonly response: IncomingMessage }> {
  const info = { user: "nobody", name, roles: ["bench"], capabilities: [{ type: "MULTI_ROLE" as const }] };
  const body = encodeProtobuf(messageTypes.SchedulerCall, {
    type: "SUBSCRIBE",
    subscribe: { framework_info: info },
  });
  const headers = { "Content-Type": PROTOBUF, Accept: PROTOBUF };
  return new Promise((resolve, reject) => {
    const outgoing = request(`http://${api}/api/v1/scheduler`, { method: "POST", headers, agent: false });
    outgoing.once("response", (response) => {
      if (response.statusCode === 200) resolve({ outgoing, response });
      else reject(new Error(`SUBSCRIBE was answered ${response.statusCode}`));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
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
