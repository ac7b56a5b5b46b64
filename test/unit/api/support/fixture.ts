// One api over a real socket in front of a LocalMaster, with a clock that the test moves.
import { afterEach } from "vitest";
import { type Api, type ApiLimits, createApi } from "../../../../src/api/index.ts";
import type { Tracer } from "../../../../src/kernel/ports.ts";
import { seededRandom } from "../../../../src/kernel/random.ts";
import { DOMAIN, LocalMaster, OTHER, SELF } from "./local-master.ts";
import { ManualClock } from "./manual-clock.ts";

export interface Fixture {
  readonly master: LocalMaster;
  readonly clock: ManualClock;
  readonly api: Api;
  readonly port: number;
  /** Names of the lines traced so far. */
  readonly traced: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[];
}

const running: Fixture[] = [];

afterEach(async () => {
  for (const { api } of running.splice(0)) await api.close();
});

/** Started and leading; closed when the test ends. */
export async function startApi(
  limits: Partial<ApiLimits> = {},
  clock: ManualClock = new ManualClock(),
): Promise<Fixture> {
  const master = new LocalMaster(clock);
  const traced: Fixture["traced"] = [];
  const api = createApi({
    master,
    clock,
    random: seededRandom("api"),
    tracer: recordingTracer(traced),
    advertised: {
      id: "99999999-2222-4333-8444-555555555555",
      host: "127.0.0.1",
      port: 0,
      version: "0.1.0",
      domain: DOMAIN,
      build: { timeSeconds: 1_700_000_000, user: "root", gitSha: "0".repeat(40) },
    },
    memberApiAddress: (id) => ({ [SELF]: "127.0.0.1:1", [OTHER]: "127.0.0.2:5050" })[id] ?? null,
    flags: { port: "5050" },
    limits,
  });
  master.attach(api);
  const { port } = await api.listen("127.0.0.1", 0);
  await master.start();
  const fixture = { master, clock, api, port, traced };
  running.push(fixture);
  return fixture;
}

function recordingTracer(traced: Fixture["traced"]): Tracer {
  const note = (event: string, facts: Readonly<Record<string, unknown>> = {}) =>
    void traced.push({ event, facts });
  return { debug: note, info: note, warn: note, error: note };
}
