import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { describeRuntime } from "./conformance.ts";

const directory = await mkdtemp(join(tmpdir(), "tepui-process-"));

describeRuntime({
  title: "process runtime",
  plan: () => ({ name: "process", directory, address: "" }),
  image: () => ({}),
  otherUser: { name: "nobody", uid: 65534 },
});

afterAll(() => rm(directory, { recursive: true }));
