// Which recorded exchanges are not sent to our cluster, and why. Every other one of the master's is.

export interface OutOfScope {
  readonly exchange: RegExp;
  readonly why: string;
}

export const OUT_OF_SCOPE: readonly OutOfScope[] = [
  {
    exchange:
      /^scheduler\/(create|create-invalid-dropped|destroy|reserve|reserve-create-chain-one-accept|unreserve|launch-shared-volume|launch-with-volume)$/,
    why: "asks for reservations and volumes that the target has not; unit tests cover the operations and their feedback",
  },
  { exchange: /^scheduler\/launch-group(-|$)/, why: "task groups are not there yet" },
  {
    exchange:
      /^scheduler\/(launch-custom-executor-\w+|launch-second-task-same-executor|launch-executor-info-mismatch|kill-custom-executor-task|message-to-executor|shutdown-executor|executor-exits-before-subscribe)$/,
    why: "needs the recorder's own executor program; the e2e tests of custom executors cover it",
  },
  {
    exchange: /^scheduler\/(launch-health-and-check|launch-limits-unsupported)$/,
    why: "health checks and resource limits belong to the agent and are not there yet",
  },
  { exchange: /^scheduler\/subscribe-rich-agent$/, why: "needs an agent with reservations and disks" },
  {
    exchange: /^operator\/subscribe-stream-drain-gone$|^protobuf\/operator-subscribe-stream-drain-gone$/,
    why: "needs an agent with disks; what a stream tells of draining (nothing) is in the unit tests",
  },
  {
    exchange:
      /^operator\/get-(agents-(after-gone|reserved|with-reservations)|operations|state-agent-removed|roles-(set|reserved)|executors-custom)$/,
    why: "another moment of an exchange that is sent: what it shows beyond that is not there yet",
  },
  { exchange: /^protobuf\/agent-/, why: "of the agent" },
  {
    exchange:
      /^legacy\/(files-debug|frameworks|help|logging|master-state-summary|metrics|roles-set|slaves|state-(completed|reserved|rich|summary)|system-stats|tasks(-|$)|teardown)/,
    why: "legacy endpoints that are not there yet",
  },
];

export function isOutOfScope(name: string): boolean {
  return OUT_OF_SCOPE.some(({ exchange }) => exchange.test(name));
}
