// GET /tepui/v1/why?subject=…&wanted=…: why a framework gets its offers or none, or what a task waits for, as of now. The
// leader answers, from a state that is confirmed like that of any read.
import { parse, type Resources } from "../allocator/index.ts";
import { asMillis } from "../kernel/ids.ts";
import { findSubjects, why, whyJson } from "../state/why.ts";
import { type ApiContext, refusalUnlessLeading } from "./context.ts";
import { badRequest, legacyJson, type Reply, text } from "./http/reply.ts";

export const WHY_PATH = "/tepui/v1/why";

/** Frameworks and tasks that one name may mean in one answer. */
export const WHY_SUBJECTS_MAX = 16;

/** @param target path and query of the request */
export async function whyReply(context: ApiContext, target: string): Promise<Reply> {
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  const query = new URL(target, "http://master").searchParams;
  const subject = query.get("subject") ?? "";
  if (subject === "") return badRequest("Name a framework or a task: ?subject=<id or name>");
  const wanted = wantedOf(query.get("wanted"));
  if (typeof wanted === "string") return badRequest(`Invalid 'wanted': ${wanted}`);
  if (!(await context.master.settled())) return text(503, "Leadership was lost; ask again");
  const state = context.master.state();
  const found = findSubjects(state, subject).slice(0, WHY_SUBJECTS_MAX);
  if (found.length === 0) return text(404, `No framework and no task is called '${subject}'`);
  const now = asMillis(Math.max(state.time, context.clock.wallMs()));
  const reports = found.flatMap((each) => why(state, now, each, wanted) ?? []);
  return legacyJson(`[${reports.map(whyJson).join(",")}]`, null);
}

/** The error as text. */
function wantedOf(given: string | null): Resources | string | null {
  if (given === null) return null;
  const wanted = parse(given);
  return wanted.ok ? wanted.value : wanted.error;
}
