// The endpoints that Mesos has beside its v1 API (list (g)), each also under `/master`. Where nothing can be written any
// method is taken as a GET.
import type { IncomingMessage, ServerResponse } from "node:http";
import { versionInfo } from "../advertised.ts";
import { type ApiContext, confirmed, redirectTo, refusalUnlessLeading } from "../context.ts";
import { readBody } from "../http/body.ts";
import { empty, legacyJson, type Reply, redirect, send, tooLarge } from "../http/reply.ts";
import { machineDown, machineUp, maintenanceSchedule, maintenanceStatus } from "./maintenance.ts";
import { legacyOperation } from "./operations.ts";
import { QUOTA_PATH, quota } from "./quota.ts";
import type { LegacyRequest } from "./request.ts";
import { roles } from "./roles.ts";
import { legacyState } from "./state.ts";
import { weights } from "./weights.ts";

type Handler = (context: ApiContext, request: LegacyRequest) => Reply | Promise<Reply>;

/** By path. */
const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ["/health", () => empty(200)],
  ["/version", (context, { jsonp }) => legacyJson(versionJson(context), jsonp)],
  ["/flags", (context, { jsonp }) => legacyJson(JSON.stringify({ flags: context.flags }), jsonp)],
  ["/redirect", (context) => redirectToLeader(context)],
  ["/state", (context, request) => state(context, request)],
  ["/roles", roles],
  ["/weights", weights],
  ["/reserve", legacyOperation("RESERVE")],
  ["/unreserve", legacyOperation("UNRESERVE")],
  ["/create-volumes", legacyOperation("CREATE")],
  ["/destroy-volumes", legacyOperation("DESTROY")],
  ["/maintenance/schedule", maintenanceSchedule],
  ["/maintenance/status", maintenanceStatus],
  ["/machine/down", machineDown],
  ["/machine/up", machineUp],
  [QUOTA_PATH, quota],
]);

export function isLegacyPath(path: string): boolean {
  return handlerOf(path) !== undefined;
}

/** Of `/quota` also what is below it. */
function handlerOf(path: string): Handler | undefined {
  return HANDLERS.get(path.startsWith(`${QUOTA_PATH}/`) ? QUOTA_PATH : path);
}

/** @param path one of isLegacyPath, without `/master` */
export async function handleLegacy(
  context: ApiContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const read = await readBody(request, context.limits.requestBodyBytesMax);
  if (read.kind === "aborted") return;
  const reply =
    read.kind === "too-large"
      ? tooLarge(context.limits.requestBodyBytesMax)
      : await handlerOf(path)?.(context, legacyRequest(request, read.bytes));
  if (reply !== undefined) send(response, reply, context.date());
}

function legacyRequest({ method = "GET", url = "/" }: IncomingMessage, bytes: Uint8Array): LegacyRequest {
  const query = new URLSearchParams(url.split("?").slice(1).join("?"));
  return { method, target: url, jsonp: query.get("jsonp"), body: Buffer.from(bytes).toString("utf8") };
}

function versionJson(context: ApiContext): string {
  const { git_tag: _tag, ...version } = versionInfo(context.advertised());
  return JSON.stringify(Object.fromEntries(Object.entries(version).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** To the leader, also if that is this master. */
function redirectToLeader(context: ApiContext): Reply {
  if (!context.isLeading()) return redirectTo(context, context.master.status().leader, "");
  const { host, port } = context.advertised();
  return redirect(`//${host}:${port}`);
}

/** What is shown is encoded first and sent once it is confirmed. */
async function state(context: ApiContext, { target, jsonp }: LegacyRequest): Promise<Reply> {
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  const shown = JSON.stringify(legacyState(context));
  return confirmed(context, legacyJson(shown, jsonp), target);
}
