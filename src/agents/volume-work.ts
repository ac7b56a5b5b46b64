// What the driver does with persistent volumes for the supervisor, which hears of the outcome as an input.
import { assertNever } from "../kernel/assert.ts";
import type { Effect, Input } from "./effects.ts";
import type { Volumes } from "./ports.ts";
import { CANNOT_ATTACH, type Runtime } from "./runtime.ts";

type VolumeEffect = Extract<Effect, { readonly do: "make-volume" | "remove-volume" | "attach-volumes" }>;

interface Parts {
  readonly volumes: Volumes;
  readonly runtime: Runtime;
}

/** Never rejects. */
export async function volumeWork(parts: Parts, effect: VolumeEffect): Promise<Input> {
  const fault = await doWork(parts, effect).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (effect.do === "attach-volumes") return { kind: "volumes-attached", taskKey: effect.taskKey, fault };
  const { path } = effect.place;
  if (fault !== null) return { kind: "volume-failed", path, message: fault };
  return { kind: effect.do === "make-volume" ? "volume-made" : "volume-removed", path };
}

async function doWork({ volumes, runtime }: Parts, effect: VolumeEffect): Promise<void> {
  switch (effect.do) {
    case "make-volume":
      return volumes.make(effect.place);
    case "remove-volume":
      return volumes.remove(effect.place);
    case "attach-volumes":
      if (runtime.attach === undefined) throw new Error(CANNOT_ATTACH);
      return runtime.attach(effect.spec, effect.mounts);
    default:
      return assertNever(effect);
  }
}
