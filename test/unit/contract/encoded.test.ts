// TaskInfos in their encoded form.
import { describe, expect, it } from "vitest";
import { decodeProtobuf, type EncodedForms, encodeProtobuf } from "../../../src/contract/codec.ts";
import { encodedTaskInfo, readTaskInfo, taskInfoOf } from "../../../src/contract/encoded.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { TaskInfo } from "../../../src/contract/types.ts";
import type { EncodedMessage } from "../../../src/kernel/encoded.ts";

function task(name: string, more: Partial<TaskInfo> = {}): TaskInfo {
  return {
    name,
    task_id: { value: name },
    agent_id: { value: "S0" },
    resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 0.1 } }],
    command: { value: "true" },
    ...more,
  };
}

describe("a TaskInfo", () => {
  it("is read as it was, with the role of its offers where it names none", () => {
    const data = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const named = {
      name: "mem",
      type: "SCALAR",
      scalar: { value: 1 },
      allocation_info: { role: "x" },
    } as const;
    const [cpus] = task("a").resources ?? [];
    const info = task("grüße 界", { data, resources: [...(cpus === undefined ? [] : [cpus]), named] });
    const allocated = [{ ...cpus, allocation_info: { role: "dev" } }, named];
    expect(taskInfoOf(encodedTaskInfo(info), "dev")).toEqual({ ...info, resources: allocated });
  });

  it("is kept as it came when a call is decoded, each under its own message", () => {
    const tasks = [task("a"), task("b", { data: new Uint8Array([0, 255]) })];
    const bytes = encodeProtobuf(messageTypes.SchedulerCall, {
      type: "ACCEPT",
      accept: { offer_ids: [], operations: [{ type: "LAUNCH", launch: { task_infos: tasks } }] },
    });
    const forms: EncodedForms = { of: messageTypes.TaskInfo, found: null };
    const call = decodeProtobuf(messageTypes.SchedulerCall, bytes, forms);
    const decoded = (call.ok && call.value.accept?.operations?.[0]?.launch?.task_infos) || [];
    expect(decoded).toEqual(tasks);
    expect(decoded.map((each) => forms.found?.get(each))).toEqual(tasks.map(encodedTaskInfo));
  });

  it("that is none is told from one that is", () => {
    expect(readTaskInfo("\u00ff" as EncodedMessage, "dev").ok).toBe(false);
    expect(readTaskInfo("" as EncodedMessage, "dev").ok).toBe(false);
  });

  it("that has never been encoded is as it is", () => {
    const info = task("old");
    expect(taskInfoOf(info, "dev")).toBe(info);
  });
});
