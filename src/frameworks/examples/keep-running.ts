// Keeps a number of copies of a command running: whatever ends is started again, wherever there is room.
import { Framework, isOver, type Offer, taskInfo } from "../sdk/index.ts";

export async function keepRunning(masters: readonly string[], copies: number, command: string) {
  const framework = new Framework({ masters, name: "keep-running" });
  const running = new Set<string>();
  let launches = 0;

  async function use(offer: Offer): Promise<void> {
    const fits = amount(offer, "cpus") >= 0.1 && amount(offer, "mem") >= 32;
    if (running.size >= copies || !fits) return framework.decline([offer], 3_600);
    const id = `copy-${++launches}`;
    running.add(id);
    const task = taskInfo(id, { id, cpus: 0.1, mem: 32, command }, offer);
    await framework.accept([offer], [{ type: "LAUNCH", launch: { task_infos: [task] } }], 0);
  }

  framework.on("offers", async (offers) => void (await Promise.all(offers.map(use))));
  framework.on("update", async (status) => {
    if (isOver(status) && running.delete(status.task_id.value)) await framework.revive();
  });
  // After a change of leader: what was launched at the last moment may not have arrived.
  framework.on("subscribed", () => framework.reconcile([...running]));
  framework.on("subscribed", () => framework.revive());
  await framework.start();
  return framework;
}

const amount = ({ resources = [] }: Offer, name: string) =>
  resources.find((resource) => resource.name === name)?.scalar?.value ?? 0;
