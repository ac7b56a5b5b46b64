// What every part of the api needs, and the questions about leadership that all of them ask.
import type { MemberId, StreamId } from "../kernel/ids.ts";
import { asId } from "../kernel/ids.ts";
import type { Clock, Random, Tracer } from "../kernel/ports.ts";
import { uuidFrom } from "../kernel/random.ts";
import type { Master, Outcome } from "../master/types.ts";
import type { Rejection } from "../state/commands.ts";
import { badRequest, type Reply, redirect, text } from "./http/reply.ts";
import type { Advertised, ApiLimits } from "./types.ts";

export interface ApiContext {
  readonly master: Master;
  readonly clock: Clock;
  readonly random: Random;
  readonly tracer: Tracer;
  readonly limits: ApiLimits;
  readonly flags: Readonly<Record<string, string>>;
  /** Wall time at which this api was made. */
  readonly startedAt: number;
  /** What the master last said to its sink: false from the moment it loses leadership. */
  isLeading(): boolean;
  /** The HTTP Date of now. */
  date(): string;
  /** With the port that is really listened on. */
  advertised(): Advertised;
  memberApiAddress(memberId: MemberId): string | null;
}

export function newStreamId(context: ApiContext): StreamId {
  return asId<StreamId>(uuidFrom(context.random));
}

/** Null if this master leads and takes commands; otherwise what to answer instead (first two checks of section h). */
export function refusalUnlessLeading(context: ApiContext, path: string): Reply | null {
  if (context.isLeading()) return null;
  const { role, ready, leader, self } = context.master.status();
  if (role === "leader") return ready ? null : text(503, "Master has not finished recovery");
  return redirectTo(context, leader === self ? null : leader, path);
}

/** @param path with its query; "" for the place itself */
export function redirectTo(context: ApiContext, leader: MemberId | null, path: string): Reply {
  const address = leader === null ? null : context.memberApiAddress(leader);
  return address === null ? text(503, "No leader elected") : redirect(`//${address}${path}`);
}

/**
 * A reply that rests on the live state, refusals among them: it is given once all of that state is committed and this
 * master is confirmed to lead. A leader that is one no more would tell of what was never committed, or deny what another
 * has committed since. @param path with its query, for redirects
 */
export async function confirmed(context: ApiContext, reply: Reply, path: string): Promise<Reply> {
  if (await context.master.settled()) return reply;
  return refusalUnlessLeading(context, path) ?? text(503, "Leadership could not be confirmed");
}

/** Answers a command's outcome. @param done the reply to a command that was carried out */
export async function replyToOutcome(
  context: ApiContext,
  outcome: Outcome,
  done: Reply,
  path: string,
): Promise<Reply> {
  switch (outcome.kind) {
    case "done":
      return done;
    case "rejected":
      return confirmed(context, replyToRejection(outcome.rejection), path);
    case "not-leader":
      return redirectTo(context, outcome.leader, path);
    case "overloaded":
      return text(503, "Too many calls are waiting to be committed");
    case "unknown":
      return text(503, "Leadership was lost before the call was committed: it may take effect or not");
  }
}

function replyToRejection({ code, message }: Rejection): Reply {
  switch (code) {
    case "framework-unknown":
    case "framework-removed":
      return badRequest("Framework cannot be found");
    case "framework-not-connected":
      return text(403, "Framework is not subscribed");
    case "operation-conflict":
      return text(409, message);
    case "agent-not-found":
      return text(404, message);
    case "agent-not-so":
    case "machine-down":
    case "maintenance-refused":
    case "subscription-invalid":
    case "agent-unknown":
    case "agent-gone":
    case "agent-refused":
    case "agent-not-admitted":
    case "operation-invalid":
    case "weights-refused":
    case "quota-refused":
    case "quota-beyond-capacity":
      return badRequest(message);
  }
}
