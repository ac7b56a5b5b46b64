// POST /api/v1: the operator API (MO01 to MO19). The checks stand in Mesos' order; reads are answered once what they
// show is committed and this master is confirmed to lead.
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageTypes } from "../../contract/message-types.ts";
import type { MasterCall, MasterResponse } from "../../contract/types.ts";
import { asId, type FrameworkId } from "../../kernel/ids.ts";
import { masterInfo, versionInfo } from "../advertised.ts";
import { type ApiContext, confirmed, refusalUnlessLeading, replyToOutcome } from "../context.ts";
import { scheduleToWire } from "../convert/maintenance.ts";
import { secondsOf } from "../convert/times.ts";
import { decodeCall } from "../http/calls.ts";
import { EventStream } from "../http/event-stream.ts";
import { CONTENT_TYPES, encode, encodeAsRecord, type Format, formatOfAnswer } from "../http/formats.ts";
import { badRequest, empty, message, type Reply, send, text } from "../http/reply.ts";
import { notAcceptable } from "../scheduler/endpoint.ts";
import { agentOrder } from "./agent-orders.ts";
import { subscribedEvent } from "./events.ts";
import { getAgents, getExecutors, getFrameworks, getRoles, getState, getTasks } from "./lists.ts";
import { maintenanceOrder, maintenanceStatus } from "./maintenance.ts";
import { metricsOf } from "./metrics.ts";
import { agentOperationOf, getOperations, operate, operateOn, resizeIn } from "./operations.ts";
import { quotaStatus, removeQuota, setQuota, updateQuota } from "./quotas.ts";
import type { OperatorStreams, Subscriber } from "./subscribers.ts";
import { problemOfCall } from "./validate.ts";
import { updateWeights, weightInfos } from "./weights.ts";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query, for redirects. */
  readonly target: string;
}

export class OperatorEndpoint {
  private readonly context: ApiContext;
  private readonly streams: OperatorStreams;

  constructor(context: ApiContext, streams: OperatorStreams) {
    this.context = context;
    this.streams = streams;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = { request, response, target: request.url ?? "/" };
    const refusal = refusalUnlessLeading(this.context, exchange.target);
    const decoded = refusal ?? (await decodeCall(messageTypes.MasterCall, request, this.context.limits));
    if (decoded === null) return;
    const reply = "status" in decoded ? decoded : await this.answer(exchange, decoded.call);
    if (reply !== null) send(response, reply, this.context.date());
  }

  /** Null when a stream answers. */
  private async answer(exchange: Exchange, call: MasterCall): Promise<Reply | null> {
    const problem = problemOfCall(call);
    if (problem !== null) return badRequest(`Failed to validate master::Call: ${problem}`);
    const format = formatOfAnswer(exchange.request.headers.accept);
    if (format === null) return notAcceptable();
    if (call.type === "SUBSCRIBE") return await this.subscribe(exchange, format);
    if (call.type === "TEARDOWN") return await this.teardown(exchange, call);
    const order =
      policyChange(this.context, call, exchange.target) ??
      agentOrder(this.context, call, exchange.target) ??
      maintenanceOrder(this.context, call, exchange.target);
    if (order !== null) return await order;
    const operation = agentOperationOf(call);
    if (operation !== null) return await operateOn(this.context, operation, exchange.target);
    const resize = resizeIn(call);
    if (resize !== null) return await operate(this.context, resize, exchange.target);
    const own = this.aboutMaster(call);
    if (own !== null) return this.message(format, own);
    const list = listOf(call, this.context);
    if (list === null) return text(501, `${call.type} is not supported yet`);
    const reply = this.message(format, list);
    return await confirmed(this.context, reply, exchange.target);
  }

  /** What needs no confirmation: it is this master's own. */
  private aboutMaster({ type }: MasterCall): MasterResponse | null {
    switch (type) {
      case "GET_HEALTH":
        return { type, get_health: { healthy: true } };
      case "GET_VERSION":
        return { type, get_version: { version_info: versionInfo(this.context.advertised()) } };
      case "GET_FLAGS": {
        const flags = Object.entries(this.context.flags).map(([name, value]) => ({ name, value }));
        return { type, get_flags: { flags } };
      }
      case "GET_METRICS":
        return { type, get_metrics: { metrics: metricsOf(this.context, this.streams.count) } };
      default:
        return null;
    }
  }

  private async teardown(exchange: Exchange, call: MasterCall): Promise<Reply> {
    const frameworkId = asId<FrameworkId>(call.teardown?.framework_id.value ?? "");
    if (!this.context.master.state().frameworks.has(frameworkId)) {
      return confirmed(this.context, badRequest("No framework found with specified ID"), exchange.target);
    }
    const outcome = await this.context.master.submit({ kind: "teardown", frameworkId });
    return replyToOutcome(this.context, outcome, empty(200), exchange.target);
  }

  /** The state is encoded now, because it moves on, and sent when it is confirmed. */
  private async subscribe(exchange: Exchange, format: Format): Promise<Reply | null> {
    const subscriber: Subscriber = {
      stream: new EventStream({
        response: exchange.response,
        unsentBytesMax: this.context.limits.streamUnsentBytesMax,
        onClosed: () => this.streams.remove(subscriber),
      }),
      format,
      held: [],
      heartbeat: null,
    };
    const event = subscribedEvent(this.context.master.state());
    const first = encodeAsRecord(messageTypes.MasterEvent, format, event);
    this.streams.add(subscriber);
    if (await this.context.master.settled()) {
      this.streams.begin(subscriber, first);
      return null;
    }
    this.streams.remove(subscriber);
    return this.lostLeadership(exchange);
  }

  private lostLeadership(exchange: Exchange): Reply {
    return (
      refusalUnlessLeading(this.context, exchange.target) ?? text(503, "Leadership could not be confirmed")
    );
  }

  private message(format: Format, response: MasterResponse): Reply {
    return message(CONTENT_TYPES[format], encode(messageTypes.MasterResponse, format, response));
  }
}

/** What changes weights and quotas; null for any other call. */
function policyChange(context: ApiContext, call: MasterCall, target: string): Promise<Reply> | null {
  switch (call.type) {
    case "UPDATE_WEIGHTS":
      return updateWeights(context, call.update_weights?.weight_infos ?? [], target);
    case "UPDATE_QUOTA":
      return updateQuota(context, call.update_quota ?? {}, target);
    case "SET_QUOTA":
      return setQuota(context, call.set_quota?.quota_request ?? {}, target);
    case "REMOVE_QUOTA":
      return removeQuota(context, call.remove_quota?.role ?? "", "Failed to remove quota", target);
    default:
      return null;
  }
}

/** What the state answers; null for a call that is not there yet. */
function listOf({ type }: MasterCall, context: ApiContext): MasterResponse | null {
  const state = context.master.state();
  switch (type) {
    case "GET_STATE":
      return { type, get_state: getState(state) };
    case "GET_AGENTS":
      return { type, get_agents: getAgents(state) };
    case "GET_FRAMEWORKS":
      return { type, get_frameworks: getFrameworks(state) };
    case "GET_TASKS":
      return { type, get_tasks: getTasks(state) };
    case "GET_EXECUTORS":
      return { type, get_executors: getExecutors(state) };
    case "GET_OPERATIONS":
      return { type, get_operations: getOperations(state) };
    case "GET_ROLES":
      return { type, get_roles: getRoles(state) };
    case "GET_WEIGHTS": {
      const weight_infos = weightInfos(state);
      return { type, ...(weight_infos.length === 0 ? {} : { get_weights: { weight_infos } }) };
    }
    case "GET_MAINTENANCE_SCHEDULE":
      return { type, get_maintenance_schedule: { schedule: scheduleToWire(state.maintenance.windows) } };
    case "GET_MAINTENANCE_STATUS":
      return { type, get_maintenance_status: { status: maintenanceStatus(state) } };
    case "GET_QUOTA":
      return { type, get_quota: { status: quotaStatus(state) } };
    case "GET_MASTER": {
      const elected = state.leader === null ? {} : { elected_time: secondsOf(state.leader.electedAt) };
      const master_info = masterInfo(context.advertised());
      return { type, get_master: { master_info, start_time: context.startedAt / 1_000, ...elected } };
    }
    default:
      return null;
  }
}
