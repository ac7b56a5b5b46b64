// /tepui/v1/members: GET tells who belongs to the cluster and how far the leader has brought each; POST changes it or
// hands leadership over. Answered by the leader; the others redirect there. For `tepui members`.
import type { IncomingMessage } from "node:http";
import { asId, type MemberId } from "../kernel/ids.ts";
import type { MembershipChange, MembersOutcome, TransferOutcome } from "../master/members.ts";
import { type ApiContext, redirectTo, refusalUnlessLeading } from "./context.ts";
import { splitAddress } from "./convert/addresses.ts";
import { readBody } from "./http/body.ts";
import { badRequest, legacyJson, methodNotAllowed, type Reply, text } from "./http/reply.ts";
import { ID_CHARACTERS_MAX, MEMBERS_BODY_BYTES_MAX } from "./limits.ts";

export const MEMBERS_PATH = "/tepui/v1/members";

type Order = { readonly kind: "transfer"; readonly to: MemberId | null } | MembershipChange;

/** Null if the client has gone. */
export async function membersReply(context: ApiContext, request: IncomingMessage): Promise<Reply | null> {
  const refusal = refusalUnlessLeading(context, MEMBERS_PATH);
  if (refusal !== null) return refusal;
  if (request.method === "GET") return view(context);
  if (request.method !== "POST") return methodNotAllowed("GET, POST", request.method ?? "");
  const body = await readBody(request, MEMBERS_BODY_BYTES_MAX);
  if (body.kind === "aborted") return null;
  if (body.kind === "too-large") return text(413, `The body exceeds ${MEMBERS_BODY_BYTES_MAX} bytes`);
  const order = orderOf(body.bytes);
  if (typeof order === "string") return badRequest(order);
  const { master } = context;
  if (order.kind === "transfer") return transferred(context, await master.transferLeadership(order.to));
  return changed(context, await master.changeMembers(order));
}

function view(context: ApiContext): Reply {
  const { self, lastIndex, groupId } = context.master.status();
  return json({ leader: self, lastIndex, groupId, members: context.master.members() });
}

function changed(context: ApiContext, outcome: MembersOutcome): Reply {
  if (outcome.kind === "done") return view(context);
  const { reason } = outcome;
  if (reason === "not-leader") return elsewhere(context);
  return json({ refused: reason }, reason === "lost-leadership" || reason === "stopped" ? 503 : 409);
}

function transferred(context: ApiContext, outcome: TransferOutcome): Reply {
  if (outcome.kind === "done") return json({ leader: outcome.leader });
  if (outcome.kind === "failed") return json({ refused: "transfer-failed" }, 409);
  return outcome.reason === "not-leader" ? elsewhere(context) : json({ refused: outcome.reason }, 409);
}

function elsewhere(context: ApiContext): Reply {
  const { leader, self } = context.master.status();
  return redirectTo(context, leader === self ? null : leader, MEMBERS_PATH);
}

function json(value: object, status = 200): Reply {
  return { ...legacyJson(JSON.stringify(value), null), status };
}

/** The order in a body, or what is wrong with it. */
function orderOf(bytes: Uint8Array): Order | string {
  const fields = parsed(bytes);
  if (fields === null) return "Expecting a JSON object";
  const { kind, id } = fields;
  if (kind === "transfer" && (id === undefined || id === null)) return { kind, to: null };
  if (typeof id !== "string" || !isMemberName(id)) return `"id" must be a member's name: ${NAME_RULE}`;
  const member = asId<MemberId>(id);
  switch (kind) {
    case "transfer":
      return { kind, to: member };
    case "promote":
    case "remove":
      return { kind, id: member };
    case "add-learner":
      return addition(member, fields);
    default:
      return '"kind" must be add-learner, promote, remove or transfer';
  }
}

function addition(id: MemberId, { raftAddress, apiAddress }: Fields): Order | string {
  if (!isAddress(raftAddress)) return '"raftAddress" must be host:port';
  if (!isAddress(apiAddress)) return '"apiAddress" must be host:port';
  return { kind: "add-learner", id, contact: { raftAddress, apiAddress } };
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

const NAME_RULE = `1 to ${ID_CHARACTERS_MAX} characters without spaces, "=", "," and ";"`;

/** What `tepui master --member` can say. */
function isMemberName(name: string): boolean {
  return name.length <= ID_CHARACTERS_MAX && /^[^\s=,;]+$/.test(name);
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && value.length <= ID_CHARACTERS_MAX && splitAddress(value) !== null;
}
