// One runtime out of two, for agents with containerd: tasks that name an image run in containerd, those that name none
// run as plain processes, as Mesos' own containerizer does it. Each container is found again in the one that has it.
import type { ContainerId } from "../../kernel/ids.ts";
import {
  CANNOT_ATTACH,
  type ContainerExit,
  type ContainerSpec,
  type ContainerStarted,
  type Runtime,
  RuntimeFailure,
  type VolumeMount,
} from "../runtime.ts";

/** @param images for specs with an image @param plain for the others; the result goes by the name of `images` */
export function runtimeByImage(images: Runtime, plain: Runtime): Runtime {
  const both = [images, plain] as const;
  return {
    name: images.name,
    async start(handler: (exit: ContainerExit) => void) {
      for (const runtime of both) await runtime.start(handler);
    },
    launch: (spec: ContainerSpec) => (spec.image === undefined ? plain : images).launch(spec),
    attach: (spec, volumes) => attach(spec.image === undefined ? plain : images, spec, volumes),
    recover: (id) => recover(both, id),
    signal: (id, signal) => onBoth(both, (runtime) => runtime.signal(id, signal)),
    remove: (id) => onBoth(both, (runtime) => runtime.remove(id)),
    async list() {
      const lists = await Promise.all(both.map((runtime) => runtime.list()));
      return lists.flat();
    },
    stop: () => onBoth(both, (runtime) => runtime.stop()),
  };
}

async function attach(runtime: Runtime, spec: ContainerSpec, volumes: readonly VolumeMount[]): Promise<void> {
  if (runtime.attach === undefined) throw new RuntimeFailure("volume-unavailable", CANNOT_ATTACH);
  await runtime.attach(spec, volumes);
}

async function recover(both: readonly Runtime[], id: ContainerId): Promise<ContainerStarted | "gone"> {
  for (const runtime of both) {
    const found = await runtime.recover(id);
    if (found !== "gone") return found;
  }
  return "gone";
}

/** Signal and remove do nothing in the runtime that does not have the container. */
async function onBoth(both: readonly Runtime[], act: (runtime: Runtime) => Promise<void>): Promise<void> {
  await Promise.all(both.map(act));
}
