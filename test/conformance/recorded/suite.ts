// The conformance suite: every recorded exchange of the master that is in scope, against any target.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dutyExchanges, maintenanceExchanges } from "./agents.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import {
  agentThatLeaves,
  type Differences,
  exchangeWithEvents,
  operationsExchanges,
  operatorExchanges,
  operatorStreams,
  plainExchange,
  quotaExchanges,
  streamThatFailsOver,
  subscription,
  weightsExchanges,
} from "./exchanges.ts";
import { namesOf, recordingOf } from "./recordings.ts";
import { isOutOfScope, OUT_OF_SCOPE } from "./scope.ts";
import type { Target } from "./target.ts";

const FAILING_OVER = ["scheduler/failover-old-stream", "protobuf/scheduler-stream-failover"];
const OPERATOR_STREAMS = /^operator\/subscribe-stream/;
/** Acknowledges an update that our cluster never sent: taken and dropped, and nothing follows. */
const WITHOUT_EVENTS: ReadonlySet<string> = new Set(["protobuf/scheduler-acknowledge"]);
/** In this order: weights that were set stay. */
const WEIGHTS = [
  "operator/get-weights",
  "legacy/weights",
  "operator/update-weights",
  "operator/get-weights-set",
  "legacy/weights-set",
  "legacy/weights-put",
];
/** In this order: at the end everything is as it was. */
const OPERATIONS = [
  "operator/reserve-resources-unknown-agent",
  "operator/reserve-resources-unreserved",
  "operator/reserve-resources",
  "operator/create-volumes",
  "operator/reserve-resources-too-much",
  "operator/create-volumes-duplicate-id",
  "operator/unreserve-resources-volume-in-place",
  "operator/shrink-volume",
  "operator/destroy-volumes",
  "operator/unreserve-resources",
  "operator/reserve-resources-old-format",
  "operator/unreserve-resources-old-format",
  "legacy/reserve-get",
  "legacy/reserve-no-slave-id",
  "legacy/reserve-no-resources",
  "legacy/reserve-bad-json",
  "legacy/reserve-unknown-slave",
  "legacy/reserve-unreserved",
  "legacy/create-volumes-no-volumes",
  "legacy/destroy-volumes-no-slave",
  "legacy/reserve-ok",
  "legacy/unreserve-ok",
];
/** In this order: at the end two roles keep an empty quota. */
const QUOTAS = [
  "operator/get-quota",
  "legacy/quota",
  "operator/update-quota",
  "operator/get-quota-set",
  "legacy/quota-set",
  "operator/update-quota-over-capacity",
  "operator/update-quota-limit-below-guarantee",
  "operator/update-quota-bad-role",
  "operator/update-quota-no-scalar",
  "operator/update-quota-star-role",
  "operator/update-quota-duplicate-role",
  "operator/set-quota",
  "operator/get-quota-old-style",
  "operator/remove-quota",
  "operator/get-quota-after-remove",
  "operator/update-quota-reset",
];
/** In this order: at the end the agent is gone, and another is there. */
const DUTY = [
  "operator/deactivate-agent",
  "operator/get-agents-deactivated",
  "operator/reactivate-agent",
  "operator/drain-agent",
  "operator/get-agents-draining",
  "legacy/state-draining",
  "operator/get-agents-drained",
  "operator/drain-agent-again",
  "operator/reactivate-agent-drained",
  "operator/mark-agent-gone",
  "operator/mark-agent-gone-again",
  "scheduler/reconcile-gone-agent",
];
/** In this order: at the end no machine is in the schedule. */
const MAINTENANCE = [
  "operator/update-maintenance-schedule",
  "scheduler/accept-inverse-offers",
  "operator/get-maintenance-schedule-set",
  "operator/get-maintenance-status-scheduled",
  "legacy/maintenance-schedule-set",
  "legacy/maintenance-status-set",
  "scheduler/decline-inverse-offers",
  "operator/get-frameworks-inverse-offers",
  "operator/stop-maintenance-not-down",
  "legacy/machine-up-not-down",
  "operator/update-maintenance-schedule-clear",
  "operator/update-maintenance-schedule-other",
  "operator/start-maintenance",
  "operator/get-maintenance-status-down",
  "operator/update-maintenance-schedule-drop-down-machine",
  "operator/stop-maintenance",
  "operator/get-maintenance-status-up",
];
const NEEDS_AGENT_TO_LEAVE = "scheduler/stream-agent-unregisters";

const all = ["scheduler", "operator", "protobuf", "legacy"].flatMap(namesOf);
const inScope = all.filter((name) => !isOutOfScope(name));

export function recordedExchanges(start: () => Promise<Target>): void {
  let target: Target;
  const used = new Set<Difference>();

  beforeAll(async () => {
    target = await start();
  });

  afterAll(async () => {
    await target.stop();
  });

  function unexplained(name: string, differences: Differences): Differences {
    return differences.filter((line) => {
      const row = DIFFERENCES.find(({ exchange, what }) => exchange.test(name) && what.test(line));
      if (row !== undefined) used.add(row);
      return row === undefined;
    });
  }

  describe("what was recorded from Mesos", () => {
    it.each(inScope.filter(isPlain))("%s", async (name) => {
      expect(unexplained(name, await plainExchange(target, name))).toEqual([]);
    });

    it.each(inScope.filter(hasEvents))("%s, with its events", async (name) => {
      expect(unexplained(name, await exchangeWithEvents(target, name))).toEqual([]);
    });

    it.each(inScope.filter(isSubscription))("%s, a subscription", async (name) => {
      expect(unexplained(name, await subscription(target, name))).toEqual([]);
    });

    it.each(FAILING_OVER)("%s", async (name) => {
      expect(unexplained(name, await streamThatFailsOver(target, name))).toEqual([]);
    });

    it(NEEDS_AGENT_TO_LEAVE, async () => {
      const differences = await agentThatLeaves(target, NEEDS_AGENT_TO_LEAVE);
      expect(unexplained(NEEDS_AGENT_TO_LEAVE, differences)).toEqual([]);
    });

    it("the operator's lists", async () => {
      const names = inScope.filter(isList);
      for (const [name, differences] of await operatorExchanges(target, names)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("the operator's event streams", async () => {
      for (const [name, differences] of await operatorStreams(target)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("weights, and what a framework hears when they change", async () => {
      for (const [name, differences] of await weightsExchanges(target, WEIGHTS)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("reservations and volumes by operators", async () => {
      for (const [name, differences] of await operationsExchanges(target, OPERATIONS)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("quotas, and what a framework hears when they change", async () => {
      for (const [name, differences] of await quotaExchanges(target, QUOTAS)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("an agent that is deactivated, drained and gone, and what a framework hears of it", async () => {
      for (const [name, differences] of await dutyExchanges(target, DUTY)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("maintenance of machines, and what a framework hears of it", async () => {
      for (const [name, differences] of await maintenanceExchanges(target, MAINTENANCE)) {
        expect(unexplained(name, differences), name).toEqual([]);
      }
    });

    it("leaves no row of the table of differences unused", () => {
      expect(DIFFERENCES.filter((row) => !used.has(row)).map(({ what }) => String(what))).toEqual([]);
    });

    it("is all either compared or out of scope for a reason", () => {
      const kinds = [isPlain, hasEvents, isSubscription, isList];
      const once = inScope.filter((name) => kinds.filter((kind) => kind(name)).length === 1);
      const otherwise = inScope.filter((name) => !once.includes(name));
      const apart = (name: string) =>
        FAILING_OVER.includes(name) ||
        OPERATOR_STREAMS.test(name) ||
        WEIGHTS.includes(name) ||
        QUOTAS.includes(name) ||
        OPERATIONS.includes(name) ||
        DUTY.includes(name) ||
        MAINTENANCE.includes(name) ||
        name === NEEDS_AGENT_TO_LEAVE;
      expect(otherwise.filter((name) => !apart(name))).toEqual([]);
      expect(OUT_OF_SCOPE.filter(({ exchange }) => !all.some((name) => exchange.test(name)))).toEqual([]);
    });
  });
}

function isList(name: string): boolean {
  const { request } = recordingOf(name);
  if ([...WEIGHTS, ...QUOTAS, ...DUTY, ...MAINTENANCE].includes(name)) return false;
  if (/^legacy\/(roles|state|state-post)$/.test(name)) return true;
  return (
    /^(operator|protobuf)\//.test(name) &&
    request.path === "/api/v1" &&
    /^operator\/(protobuf-)?get-/.test(name)
  );
}

function isSubscription(name: string): boolean {
  const { response } = recordingOf(name);
  const streams = response.records !== undefined || response.records_base64 !== undefined;
  return (
    streams && !FAILING_OVER.includes(name) && !OPERATOR_STREAMS.test(name) && name !== NEEDS_AGENT_TO_LEAVE
  );
}

function hasEvents(name: string): boolean {
  const { stream_events, stream_events_base64, response } = recordingOf(name);
  const events = WITHOUT_EVENTS.has(name) ? [] : (stream_events ?? stream_events_base64 ?? []);
  return (
    events.length > 0 &&
    (response.status ?? 0) < 300 &&
    name.includes("scheduler") &&
    !DUTY.includes(name) &&
    !/inverse|operation/.test(name)
  );
}

function isPlain(name: string): boolean {
  const { response } = recordingOf(name);
  const streams = response.records !== undefined || response.records_base64 !== undefined;
  const isApart = [...WEIGHTS, ...QUOTAS, ...OPERATIONS, ...DUTY, ...MAINTENANCE].includes(name);
  return !streams && !isList(name) && !hasEvents(name) && !isApart;
}
