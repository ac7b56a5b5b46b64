// An executor on the npm package mesos-framework, unmodified: runs each task by saying so, sends messages back in upper
// case, and ends a task when it is told to kill it.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Executor } = require("mesos-framework");

const ignored = (_event) => undefined;
const executor = new Executor({
  handlers: {
    SUBSCRIBED: ignored,
    ACKNOWLEDGED: ignored,
    ERROR: ignored,
    LAUNCH: (launch) => {
      report(launch.task.task_id, "TASK_STARTING");
      report(launch.task.task_id, "TASK_RUNNING");
    },
    KILL: (kill) => report(kill.task_id, "TASK_KILLED"),
    MESSAGE: (message) =>
      executor.message(Buffer.from(message.data, "base64").toString("utf8").toUpperCase()),
    SHUTDOWN: (_shutdown) => process.exit(0),
  },
});

executor.on("error", (error) => process.stderr.write(`${JSON.stringify(error)}\n`));
executor.subscribe();

function report(taskId, state) {
  executor.update({
    task_id: taskId,
    state,
    source: "SOURCE_EXECUTOR",
    uuid: uuid4(),
    executor_id: executor.executorId,
  });
}

function uuid4() {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("base64");
}
