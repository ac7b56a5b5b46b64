// The SDK against a master of few words: how it finds a leader, keeps a subscription, and what it makes of answers.
import { afterEach, expect, test } from "vitest";
import { Framework, FrameworkError } from "../../../src/frameworks/sdk/index.ts";
import { ScriptedMaster } from "./scripted-master.ts";

const masters: ScriptedMaster[] = [];
const frameworks: Framework[] = [];

afterEach(async () => {
  for (const framework of frameworks.splice(0)) await framework.stop();
  for (const master of masters.splice(0)) await master.close();
});

async function newMaster(): Promise<ScriptedMaster> {
  const master = await new ScriptedMaster().start();
  masters.push(master);
  return master;
}

function frameworkOf(...addresses: string[]): Framework {
  const framework = new Framework({ masters: addresses, name: "test" });
  frameworks.push(framework);
  return framework;
}

async function subscribed(): Promise<{ master: ScriptedMaster; framework: Framework }> {
  const master = await newMaster();
  const framework = frameworkOf(master.address);
  await framework.start();
  return { master, framework };
}

const status = {
  task_id: { value: "t" },
  state: "TASK_RUNNING",
  agent_id: { value: "a" },
  uuid: "AAAAAAAAAAAAAAAAAAAAAA==",
} as const;

/** The event as it stands on the wire. */
const update = JSON.stringify({ type: "UPDATE", update: { status } });

test("a redirect is followed, whoever was asked", async () => {
  const [follower, leader] = [await newMaster(), await newMaster()];
  follower.redirectTo = leader.address;
  const framework = frameworkOf(follower.address);
  await framework.start();
  expect(framework.leader()).toBe(leader.address);
  expect(framework.id()).toBe("f-1");
});

test("masters that do not answer are passed over", async () => {
  const gone = await newMaster();
  const address = gone.address;
  await gone.close();
  const leader = await newMaster();
  const framework = frameworkOf(address, leader.address);
  await framework.start();
  expect(framework.leader()).toBe(leader.address);
});

test("two masters that send to each other are asked in vain, but not without end", async () => {
  const [one, other] = [await newMaster(), await newMaster()];
  one.redirectTo = other.address;
  other.redirectTo = one.address;
  const framework = frameworkOf(one.address);
  const start = framework.start();
  await one.until(() => one.calls.length >= 3);
  one.redirectTo = null;
  await start;
  expect(framework.leader()).toBe(one.address);
});

test("a broken stream is told, and taken up under the same framework id", async () => {
  const { master, framework } = await subscribed();
  const broken: string[] = [];
  framework.on("disconnected", ({ reason }) => void broken.push(reason));
  master.cutStream();
  await master.until(() => master.subscribedAs.length === 2);
  expect(master.subscribedAs).toEqual([undefined, "f-1"]);
  expect(broken).toHaveLength(1);
});

test("a silent stream is given up after three heartbeat intervals", async () => {
  const master = await newMaster();
  master.heartbeatSeconds = 0.02;
  const framework = frameworkOf(master.address);
  const broken: string[] = [];
  framework.on("disconnected", ({ reason }) => void broken.push(reason));
  await framework.start();
  await master.until(() => master.subscribedAs.length >= 2);
  expect(broken[0]).toBe("no heartbeat");
});

test("bytes that are no event break the stream, not the framework", async () => {
  const { master } = await subscribed();
  master.sayText('{"type": 7}');
  await master.until(() => master.subscribedAs.length === 2);
  master.sayText("[");
  await master.until(() => master.subscribedAs.length === 3);
});

test("a refused subscription rejects the start and is not tried again", async () => {
  const master = await newMaster();
  master.refuseWith = { status: 403, text: "not you" };
  const framework = frameworkOf(master.address);
  await expect(framework.start()).rejects.toMatchObject({ code: "refused", status: 403, message: "not you" });
  await expect(framework.revive()).rejects.toMatchObject({ code: "stopped" });
  expect(master.calls).toHaveLength(1);
});

test("an ERROR event ends the framework", async () => {
  const { master, framework } = await subscribed();
  const error = new Promise<Error>((resolve) => void framework.on("error", resolve));
  master.say({ type: "ERROR", error: { message: "Framework failed over" } });
  expect(await error).toMatchObject({ code: "fatal", message: "Framework failed over" });
  await expect(framework.revive()).rejects.toMatchObject({ code: "stopped" });
  expect(master.subscribedAs).toHaveLength(1);
});

test("an update is acknowledged after its handlers are done, and not if one fails", async () => {
  const { master, framework } = await subscribed();
  const order: string[] = [];
  let fails = true;
  const errors: Error[] = [];
  framework.on("error", (error) => void errors.push(error));
  framework.on("update", async () => {
    await new Promise((resolve) => setImmediate(resolve));
    if (fails) throw new Error("not now");
    order.push("handled");
  });
  master.answer = ({ type }) => {
    if (type === "ACKNOWLEDGE") order.push("acknowledged");
    return { status: 202 };
  };
  master.sayText(update);
  await waitFor(() => errors.length === 1);
  fails = false;
  master.sayText(update);
  await master.until(() => master.ofType("ACKNOWLEDGE").length === 1);
  expect(order).toEqual(["handled", "acknowledged"]);
  expect(master.ofType("ACKNOWLEDGE")[0]?.acknowledge).toMatchObject({ task_id: { value: "t" } });
});

test("offers that nobody handles are declined", async () => {
  const { master } = await subscribed();
  master.sayText(
    JSON.stringify({
      type: "OFFERS",
      offers: {
        offers: [
          {
            id: { value: "o" },
            framework_id: { value: "f-1" },
            agent_id: { value: "a" },
            hostname: "h",
          },
        ],
      },
    }),
  );
  await master.until(() => master.ofType("DECLINE").length === 1);
  expect(master.ofType("DECLINE")[0]?.decline?.offer_ids).toEqual([{ value: "o" }]);
});

test("answers to calls: refusals leave the stream, what is uncertain begins a new one", async () => {
  const { master, framework } = await subscribed();
  master.answer = () => ({ status: 400, text: "bad" });
  await expect(framework.revive()).rejects.toMatchObject({ code: "refused", message: "bad" });
  master.answer = () => ({ status: 501, text: "not supported" });
  await expect(framework.revive()).rejects.toMatchObject({ code: "refused" });
  expect(master.subscribedAs).toHaveLength(1);
  const uncertain = [
    { answer: { status: 503 }, code: "connection-lost" },
    { answer: "cut", code: "connection-lost" },
    { answer: { status: 307 }, code: "not-connected" },
    { answer: { status: 403, text: "Framework is not subscribed" }, code: "not-connected" },
  ] as const;
  for (const [i, { answer, code }] of uncertain.entries()) {
    master.answer = () => answer;
    const again = new Promise<void>((resolve) => void framework.on("subscribed", () => resolve()));
    await expect(framework.revive()).rejects.toMatchObject({ code });
    await again;
    expect(master.subscribedAs).toHaveLength(i + 2);
  }
});

test("a call of a stream that the master has replaced has had no effect", async () => {
  const { master, framework } = await subscribed();
  master.answer = () => ({
    status: 400,
    text: "The stream ID 's0' included in this request didn't match the stream ID currently associated with framework ID f-1",
  });
  await expect(framework.revive()).rejects.toMatchObject({ code: "not-connected" });
});

test("stop while no master answers rejects the start, and nothing is asked any more", async () => {
  const master = await newMaster();
  master.refuseWith = { status: 503, text: "No leader elected" };
  const framework = frameworkOf(master.address);
  const start = framework.start();
  const failed = expect(start).rejects.toMatchObject({ code: "stopped" });
  await master.until(() => master.calls.length >= 2);
  await framework.stop();
  await failed;
  await expect(framework.start()).rejects.toThrow("starts once");
  await expect(framework.revive()).rejects.toBeInstanceOf(FrameworkError);
});

test("teardown is called before the stream is closed", async () => {
  const { master, framework } = await subscribed();
  await framework.stop({ teardown: true });
  expect(master.ofType("TEARDOWN")).toHaveLength(1);
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
