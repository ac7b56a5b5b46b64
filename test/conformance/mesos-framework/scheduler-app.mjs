// An application on the npm package mesos-framework, unmodified, as its README shows one. The test starts it in a
// process of its own, tells it what to do and reads what it saw. When the master it talks to is gone it is told another.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Scheduler, Mesos } = require("mesos-framework");
const mesos = Mesos.getMesos();

const { tasks = {}, executorTask, ...options } = JSON.parse(process.argv[2] ?? "{}");
const scheduler = new Scheduler({
  logging: { path: "logs", fileName: "scheduler.log", level: "error" },
  frameworkFailoverTimeout: 60,
  exponentialBackoffMinimum: 0.1,
  // Longer than the 15 s between heartbeats, which this client takes for silence otherwise. Seconds.
  masterConnectionTimeout: 60,
  ...options,
  tasks: Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, messagesOf(task)])),
  // The package's own offer handling knows command tasks only: with an executor an application brings its own.
  ...(executorTask === undefined ? {} : { handlers: { OFFERS: launchOnce } }),
});
let launched = false;
const say = (event, facts = {}) => process.send({ event, ...facts });

scheduler.on("ready", () => scheduler.subscribe());
scheduler.on("subscribed", ({ frameworkId }) =>
  say("subscribed", { frameworkId, port: Number(scheduler.options.port) }),
);
scheduler.on("offers", ({ offers }) => say("offers", { count: offers.length }));
scheduler.on("update", ({ status }) =>
  say("update", {
    taskId: status.task_id.value,
    agentId: status.agent_id?.value,
    executorId: status.executor_id?.value,
    state: status.state,
    reason: status.reason,
    message: status.message,
    data: status.data,
  }),
);
scheduler.on("message", (message) => say("message", { data: message.data, agentId: message.agentId?.value }));
scheduler.on("failure", (failure) => say("failure", { failure }));
scheduler.on("error", (error) => say("error", { message: error.message }));

process.on("message", (order) => {
  if (order.do === "kill") scheduler.kill(order.taskId, order.agentId);
  else if (order.do === "reconcile") scheduler.reconcile(order.taskId, order.agentId);
  else if (order.do === "message") scheduler.message(order.agentId, order.executorId, order.data);
  else if (order.do === "teardown") scheduler.teardown();
  else if (order.do === "use-master") {
    scheduler.options.port = order.port;
    scheduler.generateRequestTemplate();
    scheduler.subscribe();
  } else if (order.do === "tasks") {
    say("tasks", {
      launched: scheduler.launchedTasks.map(({ taskId, runtimeInfo }) => ({ taskId, ...runtimeInfo })),
    });
  }
});

/** The package wants its own message objects where the test writes plain ones. */
function messagesOf({ command, ...task }) {
  return { ...task, commandInfo: new mesos.CommandInfo(null, null, true, command, null, null) };
}

function launchOnce({ offers }) {
  for (const offer of offers) {
    const info = { ...executorTask, agent_id: offer.agent_id };
    if (launched) this.decline([offer.id], null);
    else this.accept([offer.id], { type: "LAUNCH", launch: { task_infos: [info] } }, null);
    launched = true;
  }
}
