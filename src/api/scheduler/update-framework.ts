// UPDATE_FRAMEWORK (SC08): what Mesos refuses in it for its form, and the command. Whether it changes what must not
// change is for `decide`.
import type { RegexLimits } from "../../allocator/index.ts";
import type { SchedulerCallUpdateFramework } from "../../contract/types.ts";
import { asId, type FrameworkId } from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { UpdateFramework } from "../../state/commands.ts";
import { constraintsFromWire } from "../convert/constraints.ts";
import { frameworkSpec, problemOfFramework, problemOfSuppressed } from "../convert/frameworks.ts";

/** The error is the text of the 400. */
export function updateCommand(
  update: SchedulerCallUpdateFramework,
  frameworkId: FrameworkId,
  limits: RegexLimits,
): Result<UpdateFramework, string> {
  const { framework_info, suppressed_roles = [] } = update;
  const form = problemOfFramework(framework_info);
  if (form !== null) return err(`'FrameworkInfo' is not valid: ${form}`);
  const constraints = constraintsFromWire(update.offer_constraints, limits);
  if (!constraints.ok) return invalidCall(constraints.error);
  const suppressed = problemOfSuppressed(suppressed_roles, framework_info);
  if (suppressed !== null) return invalidCall(suppressed);
  return ok({
    kind: "update-framework",
    frameworkId,
    spec: frameworkSpec(framework_info),
    suppressedRoles: suppressed_roles.map((role) => asId(role)),
    ...(constraints.value === undefined ? {} : { offerConstraints: constraints.value }),
  });
}

function invalidCall(problem: string): Result<never, string> {
  return err(`'UpdateFramework' call is not valid: ${problem}`);
}
