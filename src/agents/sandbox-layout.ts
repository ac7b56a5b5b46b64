// Where a container's files are, below the agent's work folder (SB01).

/** `slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>`; ids hold no slash and are no `..`. */
export function sandboxPath(
  agentId: string,
  frameworkId: string,
  executorId: string,
  containerId: string,
): string {
  return `slaves/${agentId}/frameworks/${frameworkId}/executors/${executorId}/runs/${containerId}`;
}
