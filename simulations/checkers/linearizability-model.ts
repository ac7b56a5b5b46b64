// What the check of linearizability is about: operations of clients, and the machine that they believe to talk to.

/** What one client asked of one key, and what it was told. */
export interface Operation<In, Out> {
  readonly client: string;
  /** Operations on different keys are checked apart: use one key where an answer spans several. */
  readonly key: string;
  readonly input: In;
  /** Any unit, as long as all clients read the same clock. Equal times count as overlapping. */
  readonly callAt: number;
  /** Null if it was never answered: it may take effect at any time after its call, or never. */
  readonly answer: Answer<Out> | null;
}

export interface Answer<Out> {
  readonly output: Out;
  readonly returnAt: number;
}

/** One key of the machine that clients believe to be talking to. All functions are pure. */
export interface Model<State, In, Out> {
  readonly initial: State;
  /**
   * The state after the operation; null if it could not have been answered like this in this state. Without an answer
   * (null) any output is right.
   */
  readonly step: (state: State, input: In, answer: Answer<Out> | null) => { readonly state: State } | null;
  /** It leaves every state as it is. */
  readonly isRead: (input: In) => boolean;
  /** The same for equal states, different for different ones. */
  readonly stateKey: (state: State) => string;
  /** For people; output is null where there was no answer. */
  readonly show: (input: In, output: Out | null) => string;
  /**
   * True if a history without this write is linearizable whenever the one with it is, as when nobody has noticed it.
   * `others` may hold the write itself. Makes searches shorter and witnesses smaller; false is always a right answer.
   */
  readonly canBeLeftOut?: (write: Operation<In, Out>, others: readonly Operation<In, Out>[]) => boolean;
}

/** A part of a history that cannot be put in order, as small as was found, in the order of the calls. */
export interface Witness<In, Out> {
  readonly key: string;
  readonly operations: readonly Operation<In, Out>[];
  /** Indexes in `operations`: as many as can be put in order. */
  readonly longestOrder: readonly number[];
}
