// `/quota`: the quotas of roles, with POST one for a role that has none, and with DELETE `/quota/ROLE` the end of one.
import { decodeJson, encodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { type ApiContext, confirmed, refusalUnlessLeading } from "../context.ts";
import { badRequest, legacyJson, methodNotAllowed, type Reply } from "../http/reply.ts";
import { quotaStatus, removeQuota, setQuota } from "../operator/quotas.ts";
import type { LegacyRequest } from "./request.ts";

export const QUOTA_PATH = "/quota";

export async function quota(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  const { method, target, jsonp, body } = request;
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  if (method === "POST") return postQuota(context, body, target);
  if (method === "DELETE") return deleteQuota(context, target);
  if (method !== "GET") return methodNotAllowed("GET, POST, DELETE", method);
  const shown = encodeJson(messageTypes.QuotaStatus, quotaStatus(context.master.state()));
  return confirmed(context, legacyJson(shown, jsonp), target);
}

async function postQuota(context: ApiContext, body: string, target: string): Promise<Reply> {
  const decoded = decodeJson(messageTypes.QuotaRequest, body);
  if (decoded.ok) return setQuota(context, decoded.value, target);
  return badRequest(`Failed to parse set quota request JSON '${body}': ${decoded.error}`);
}

/** The role is all that follows, for it may have slashes. */
async function deleteQuota(context: ApiContext, target: string): Promise<Reply> {
  const path = target.split("?")[0] ?? "";
  const own = path.startsWith("/master/") ? path : `/master${path}`;
  const about = `Failed to remove quota for path '${own}'`;
  const role = roleOf(own.slice(`/master${QUOTA_PATH}/`.length));
  if (role === null || role === "") return badRequest(`${about}: Expecting 'quota/<role>' in the path`);
  return removeQuota(context, role, about, target);
}

/** Null if it cannot be decoded. */
function roleOf(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null;
  }
}
