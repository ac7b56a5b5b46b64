// UPDATE_FRAMEWORK (SC08): what Mesos refuses in it. Carrying it out is not there yet.
import type { SchedulerCall } from "../../contract/types.ts";
import type { Framework } from "../../state/model.ts";
import { problemOfConstraints, problemOfFramework, problemOfSuppressed } from "../convert/frameworks.ts";

/** The text of the 400, null if there is nothing to say against the update. */
export function problemOfUpdate(call: SchedulerCall, framework: Framework): string | null {
  const { update_framework: update } = call;
  if (update === undefined) return null;
  const form = problemOfFramework(update.framework_info);
  if (form !== null) return `'FrameworkInfo' is not valid: ${form}`;
  const suppressed =
    problemOfConstraints(update.offer_constraints) ??
    problemOfSuppressed(update.suppressed_roles ?? [], update.framework_info);
  if (suppressed !== null) return `'UpdateFramework' call is not valid: ${suppressed}`;
  const { user, principal, checkpoint } = update.framework_info;
  const changed =
    problemOfChange("user", framework.spec.user, user) ??
    problemOfChange("principal", framework.spec.principal ?? "", principal ?? "") ??
    problemOfChange("checkpoint", String(framework.spec.checkpoint), String(checkpoint ?? false));
  return changed === null ? null : `FrameworkInfo update is not valid: ${changed}`;
}

function problemOfChange(field: string, from: string, to: string): string | null {
  if (from === to) return null;
  return `Updating 'FrameworkInfo.${field}' is unsupported; attempted to update from '${from}' to '${to}'`;
}
