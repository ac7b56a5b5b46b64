// The arrows of docs/architecture.md. A folder may import itself, `kernel`, and what is listed here.
const arrows = {
  kernel: [],
  log: [],
  raft: [],
  allocator: [],
  contract: [],
  state: ["allocator"],
  master: ["log", "raft", "state", "allocator"],
  debugger: ["log", "raft", "state", "allocator"],
  api: ["contract", "state", "master", "allocator"],
  agents: ["contract"],
  frameworks: ["contract"],
  host: [
    "log",
    "raft",
    "state",
    "allocator",
    "master",
    "debugger",
    "contract",
    "api",
    "agents",
    "frameworks",
  ],
  cli: ["host", "contract", "frameworks", "debugger", "state", "allocator", "log"],
};
const all = Object.keys(arrows);
const pure = ["kernel", "log", "raft", "allocator", "state", "master", "debugger"];

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    ...all.map((room) => {
      const barred = all.filter(
        (other) => other !== room && other !== "kernel" && !arrows[room].includes(other),
      );
      return {
        name: `arrows-of-${room}`,
        severity: "error",
        from: { path: `^src/${room}/` },
        to: { path: `^src/(${barred.join("|")})/` },
      };
    }),
    {
      name: "core-without-node",
      severity: "error",
      comment: "The pure rooms take time, randomness, disk and network as ports.",
      from: { path: `^src/(${pure.join("|")})/` },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "src-knows-no-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|simulations|bench|scripts)/" },
    },
    {
      name: "simulations-without-host",
      severity: "error",
      from: { path: "^simulations/" },
      to: { path: "^src/(host|cli)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"] },
  },
};
