// A thread of the soak: runs the seeds that its parent sends, one after the other.
import { parentPort } from "node:worker_threads";
import { runSeed, type Task } from "./run.ts";

parentPort?.on("message", (task: Task) => {
  void runSeed(task).then((report) => parentPort?.postMessage(report));
});
