// Where we differ from the recorded Mesos, and why. A row that no exchange needs fails the test, as does a difference
// without a row. docs/compatibility.md tells the same to users.

export interface Difference {
  /** Which exchanges. */
  readonly exchange: RegExp;
  /** Which of their differences, as the comparison words them. */
  readonly what: RegExp;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    exchange: /^scheduler\/crash-type-unknown$/,
    what: /^status: 400 instead of none$/,
    why: "Mesos aborts on a call of type UNKNOWN; one client must not stop the master.",
  },
  {
    exchange: /^operator\/crash-remove-quota-unset-role$/,
    what: /^status: 400 instead of none$/,
    why: "Mesos aborts; ours answers REMOVE_QUOTA as it answers DELETE /quota/ROLE.",
  },
  {
    exchange: /^(operator|protobuf)\//,
    what: /^status of \w+: 501 instead of (200|202|400|404|409)$/,
    why: "Files and log levels are not there yet.",
  },
  {
    exchange: /./,
    what: /(^|\.)(version_info\.git_tag): added$/,
    why: "Tepui's own version stands in git_tag; `version` is that of the Mesos API.",
  },
  {
    exchange: /./,
    what: /(version_info\.|^\.)(build_date|build_time|build_user|git_sha): missing$/,
    why: "A master that was not told of its build says nothing of it.",
  },
  {
    exchange: /./,
    what: /agent_info\.checkpoint: missing$/,
    why: "AgentInfo of the v1 API has no such field: Mesos lets an internal one through in two of its four messages.",
  },
  {
    exchange: /^scheduler\/(kill|reconcile-explicit|reconcile-implicit)$/,
    what: /^\.update\.status\.(check_status|healthy): missing$/,
    why: "The recorded task had a check and a health check; ours has none.",
  },
  {
    exchange: /^(operator|protobuf|legacy)\//,
    what: /\.tasks\[0\]\.(health_check|statuses\[\d\]\.(check_status|healthy)): missing$/,
    why: "The recorded task had a check and a health check; ours has none.",
  },
  {
    exchange: /^legacy\/roles$/,
    what: /^\.roles\[0\]\.(allocated|quota\.consumed)\.ports: missing$/,
    why: "The recorded task held ports; ours has none.",
  },
  {
    exchange: /^(operator|legacy)\/(reserve|create-volumes)/,
    what: /^body: Invalid (RESERVE|CREATE) operation on agent \S+ at slave\(1\)@127\.0\.0\.1:\d+ /,
    why: "The same sentence, with the port of another agent.",
  },
  {
    exchange: /^operator\/(reserve-resources-too-much|unreserve-resources-volume-in-place|grow-volume)$/,
    what: /^body: .* does not contain (.+) instead of .* does not contain \1$/,
    why: "The same sentence, with resources in the order of their names, and of all that is free at that moment.",
  },
  {
    exchange: /^scheduler\/launch-no-such-command$/,
    what: /^(event TASK_(STARTING|RUNNING): not sent|\.update\.status\.(source: SOURCE_AGENT instead of SOURCE_EXECUTOR|container_status: missing|reason: added))$/,
    why: "Mesos says RUNNING before its executor tries the command; ours fails the launch, with the reason.",
  },
  {
    exchange: /^scheduler\/stream-agent-unregisters$/,
    what: /^(\.update\.status\.|message of TASK_LOST)/,
    why: "Our agent kills its tasks before it leaves and says so; Mesos' leaves them to be declared lost.",
  },
  {
    exchange: /^scheduler\/launch-too-much$/,
    what: /^message of TASK_ERROR: /,
    why: "The same sentence, with resources in the order of their names.",
  },
];
