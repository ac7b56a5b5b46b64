// POST /api/v1/scheduler: the checks in Mesos' order (reference, section h), then a command, then its outcome.
import type { IncomingMessage, ServerResponse } from "node:http";
import { pack } from "msgpackr";
import type { EncodedForms } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import type { SchedulerCall } from "../../contract/types.ts";
import { asId, type FrameworkId } from "../../kernel/ids.ts";
import type { Outcome } from "../../master/types.ts";
import type { Command } from "../../state/commands.ts";
import type { Framework } from "../../state/model.ts";
import { type ApiContext, confirmed, newStreamId, refusalUnlessLeading, replyToOutcome } from "../context.ts";
import { constraintsFromWire } from "../convert/constraints.ts";
import { frameworkSpec, problemOfFramework, problemOfSuppressed } from "../convert/frameworks.ts";
import { type Body, takeBody } from "../http/body.ts";
import { callOf, type DecodedCall, refusalOfMethod } from "../http/calls.ts";
import { EventStream } from "../http/event-stream.ts";
import { formatOfAnswer } from "../http/formats.ts";
import { badRequest, empty, type Reply, send, text } from "../http/reply.ts";
import { COMMAND_BYTES_MAX, UNMEASURED_BODY_BYTES_MAX } from "../limits.ts";
import { commandOf, type EncodedTasks } from "./commands.ts";
import type { FrameworkSessions, Subscription } from "./sessions.ts";
import { updateCommand } from "./update-framework.ts";
import { problemOfCall } from "./validate.ts";

const STREAM_ID_HEADER = "mesos-stream-id";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query, for redirects. */
  readonly target: string;
  readonly failed: (error: unknown) => void;
}

const ACCEPTED = empty(202);
const UPDATED = empty(200);

export class SchedulerEndpoint {
  private readonly context: ApiContext;
  private readonly sessions: FrameworkSessions;

  constructor(context: ApiContext, sessions: FrameworkSessions) {
    this.context = context;
    this.sessions = sessions;
  }

  /**
   * Calls come by the ten thousand a second: one that is carried out waits for its body and for its commit, and for
   * no promise but that of the commit.
   * @param failed told of a fault of ours, at most once
   */
  handle(request: IncomingMessage, response: ServerResponse, failed: (error: unknown) => void): void {
    const exchange = { request, response, target: request.url ?? "/", failed };
    const refusal = refusalUnlessLeading(this.context, exchange.target) ?? refusalOfMethod(request);
    if (refusal !== null) this.reply(exchange, refusal);
    else takeBody(request, this.context.limits.requestBodyBytesMax, (body) => this.take(exchange, body));
  }

  private take(exchange: Exchange, body: Body): void {
    try {
      const forms: EncodedForms = { of: messageTypes.TaskInfo, found: null };
      const { limits } = this.context;
      const decoded = callOf(messageTypes.SchedulerCall, exchange.request, body, limits, forms);
      if (decoded === null) return;
      const lost = refusalUnlessLeading(this.context, exchange.target);
      if ("status" in decoded) this.reply(exchange, decoded);
      else if (lost !== null) this.reply(exchange, lost);
      else this.answer(exchange, decoded, forms.found);
    } catch (error) {
      exchange.failed(error);
    }
  }

  private answer(exchange: Exchange, received: DecodedCall<SchedulerCall>, tasks: EncodedTasks): void {
    const { call } = received;
    const problem = problemOfCall(call);
    if (problem !== null) {
      this.reply(exchange, badRequest(`Failed to validate scheduler::Call: ${problem}`));
    } else if (call.type === "SUBSCRIBE") {
      this.subscribe(exchange, call).catch(exchange.failed);
    } else {
      this.carryOut(exchange, received, tasks);
    }
  }

  private carryOut(
    exchange: Exchange,
    { call, bodyBytes }: DecodedCall<SchedulerCall>,
    tasks: EncodedTasks,
  ): void {
    const frameworkId = asId<FrameworkId>(call.framework_id?.value ?? "");
    const state = this.context.master.state();
    const framework = state.frameworks.get(frameworkId);
    const refusal = refusalOfStream(framework, exchange.request.headers[STREAM_ID_HEADER]);
    if (refusal !== null) this.replyLater(exchange, confirmed(this.context, refusal, exchange.target));
    else if (call.type === "UPDATE_FRAMEWORK" && call.update_framework !== undefined) {
      const update = updateCommand(call.update_framework, frameworkId, state.policy.regexLimits);
      if (update.ok) this.submit(exchange, update.value, bodyBytes, UPDATED);
      else this.reply(exchange, badRequest(update.error));
    } else {
      const command = commandOf(call, frameworkId, state, tasks);
      if (command === null) this.reply(exchange, ACCEPTED);
      else this.submit(exchange, command, bodyBytes, ACCEPTED);
    }
  }

  private submit(exchange: Exchange, command: Command, bodyBytes: number, done: Reply): void {
    if (isTooLarge(command, bodyBytes)) {
      this.reply(exchange, text(413, "The call is too large for one entry of the log"));
    } else {
      void this.context.master.submit(command).then((outcome) => this.settle(exchange, outcome, done));
    }
  }

  private settle(exchange: Exchange, outcome: Outcome, done: Reply): void {
    try {
      if (outcome.kind === "done") this.reply(exchange, done);
      else this.replyLater(exchange, replyToOutcome(this.context, outcome, done, exchange.target));
    } catch (error) {
      exchange.failed(error);
    }
  }

  private replyLater(exchange: Exchange, reply: Promise<Reply>): void {
    reply.then((ready) => this.reply(exchange, ready)).catch(exchange.failed);
  }

  private async subscribe(exchange: Exchange, call: SchedulerCall): Promise<void> {
    const { request } = exchange;
    const format = formatOfAnswer(request.headers.accept);
    const { subscribe, framework_id } = call;
    if (subscribe === undefined) return;
    if (format === null) return this.reply(exchange, notAcceptable());
    if (request.headers[STREAM_ID_HEADER] !== undefined) {
      const message = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
      return this.reply(exchange, badRequest(message));
    }
    if (this.sessions.isFull) return this.reply(exchange, text(503, "Too many subscriptions"));
    const spec = frameworkSpec(subscribe.framework_info);
    const refined = spec.capabilities.includes("RESERVATION_REFINEMENT");
    const subscription = this.newSubscription(exchange, format, refined);
    const suppressed = subscribe.suppressed_roles ?? [];
    const { regexLimits } = this.context.master.state().policy;
    const constraints = constraintsFromWire(subscribe.offer_constraints, regexLimits);
    const problem =
      problemOfFramework(subscribe.framework_info) ??
      (constraints.ok ? null : constraints.error) ??
      problemOfSuppressed(suppressed, subscribe.framework_info);
    if (problem !== null) return this.sessions.refuse(subscription, problem);
    const offerConstraints = constraints.ok ? constraints.value : undefined;
    const id = framework_id?.value ?? "";
    await this.submitSubscribe(exchange, subscription, {
      kind: "subscribe",
      frameworkId: id === "" ? null : asId<FrameworkId>(id),
      spec,
      suppressedRoles: suppressed.map((role) => asId(role)),
      ...(offerConstraints === undefined ? {} : { offerConstraints }),
      streamId: subscription.streamId,
    });
  }

  private async submitSubscribe(
    exchange: Exchange,
    subscription: Subscription,
    command: Extract<Command, { readonly kind: "subscribe" }>,
  ): Promise<void> {
    if (isTooLarge(command, Number.POSITIVE_INFINITY)) {
      return this.reply(exchange, text(413, "The FrameworkInfo is too large for one entry of the log"));
    }
    this.sessions.expect(subscription);
    const outcome = await this.context.master.submit(command);
    if (outcome.kind === "done") return;
    if (outcome.kind === "rejected" && (await this.context.master.settled())) {
      return this.sessions.refuse(subscription, outcome.rejection.message);
    }
    this.sessions.forget(subscription.streamId);
    this.reply(exchange, await replyToOutcome(this.context, outcome, empty(202), exchange.target));
  }

  private newSubscription(
    exchange: Exchange,
    format: Subscription["format"],
    refined: boolean,
  ): Subscription {
    const streamId = newStreamId(this.context);
    const stream = new EventStream({
      response: exchange.response,
      unsentBytesMax: this.context.limits.streamUnsentBytesMax,
      onClosed: (reason) => this.sessions.closed(streamId, reason),
    });
    return { streamId, stream, format, refined };
  }

  private reply(exchange: Exchange, reply: Reply): void {
    send(exchange.response, reply, this.context.date());
  }
}

export function notAcceptable(): Reply {
  return text(406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
}

/** Every call but SUBSCRIBE carries the id of the stream that the framework has now. */
function refusalOfStream(
  framework: Framework | undefined,
  header: string | string[] | undefined,
): Reply | null {
  if (framework === undefined) return badRequest("Framework cannot be found");
  if (framework.connection.kind !== "connected") return text(403, "Framework is not subscribed");
  if (header === undefined) {
    return badRequest("All non-subscribe calls should include the 'Mesos-Stream-Id' header");
  }
  if (header === framework.connection.streamId) return null;
  return badRequest(
    `The stream ID '${String(header)}' included in this request didn't match ` +
      `the stream ID currently associated with framework ID ${framework.id}`,
  );
}

/** Protobuf is more compact than the log: what could have grown too much is measured. */
function isTooLarge(command: Command, bodyBytes: number): boolean {
  return bodyBytes > UNMEASURED_BODY_BYTES_MAX && pack(command).byteLength > COMMAND_BYTES_MAX;
}
