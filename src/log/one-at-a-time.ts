// Runs asynchronous actions one after the other, in the order in which they were given.

/** Runs the action after all earlier ones have ended, however they ended. */
export type OneAtATime = <Value>(action: () => Promise<Value>) => Promise<Value>;

export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const next = last.then(action, action);
    last = next;
    return next;
  };
}
