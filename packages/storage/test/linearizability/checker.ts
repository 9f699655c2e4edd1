/** One operation of a history, with its result when it is known. Times are of one clock. */
export interface Operation {
  start: number;
  /** Infinity when nobody knows whether and when it took effect. */
  end: number;
  input: Input;
  /** Undefined when it is not known; the operation may then have had no effect at all. */
  output?: unknown;
}

export type Input =
  | { type: "get"; key: string }
  | { type: "put"; key: string; value: string }
  | { type: "delete"; key: string }
  | { type: "cas"; key: string; expected: string | null; next: string | null }
  | { type: "transact"; check: string; expected: string | null; puts: Record<string, string>; append: string | null }
  | { type: "append"; value: string }
  /** The values that were appended, in the order of their keys. */
  | { type: "log" };

type State = Readonly<Record<string, string>>;

/** Where a state has what was appended, each with a comma after it, in the order of the commits. */
const LOG = "log";

/** What an operation answers in a state, and the state after it: the specification. */
export function apply(state: State, input: Input): { output: unknown; state: State } {
  switch (input.type) {
    case "get":
      return { output: state[input.key] ?? null, state };
    case "put":
      return { output: true, state: { ...state, [input.key]: input.value } };
    case "delete": {
      const { [input.key]: old, ...rest } = state;
      return { output: old !== undefined, state: rest };
    }
    case "cas": {
      const actual = state[input.key] ?? null;
      if (actual !== input.expected) return { output: { ok: false, actual }, state };
      const { [input.key]: _old, ...rest } = state;
      return { output: { ok: true }, state: input.next === null ? rest : { ...rest, [input.key]: input.next } };
    }
    case "transact":
      if ((state[input.check] ?? null) !== input.expected) return { output: false, state };
      return { output: true, state: appended({ ...state, ...input.puts }, input.append) };
    case "append":
      return { output: true, state: appended(state, input.value) };
    case "log":
      return { output: state[LOG] ?? "", state };
  }
}

function appended(state: State, value: string | null): State {
  return value === null ? state : { ...state, [LOG]: `${state[LOG] ?? ""}${value},` };
}

/**
 * True when the operations can be put in an order that the specification allows and in which none comes before
 * one that had ended when it started (Wing and Gong, "Testing and verifying concurrent objects", 1993; states
 * that were met before are cut off as in Lowe, "Testing for linearizability", 2017).
 */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const seen = new Set<string>();
  const search = (done: bigint, state: State): boolean => {
    const open = operations.map((_, index) => index).filter((index) => !(done & (1n << BigInt(index))));
    // What is not known to have happened need not happen.
    if (open.every((index) => operations[index]!.output === undefined)) return true;
    const key = `${done} ${JSON.stringify(Object.entries(state).sort())}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const firstEnd = Math.min(...open.map((index) => operations[index]!.end));
    return open.some((index) => {
      const { start, input, output } = operations[index]!;
      if (start > firstEnd) return false;
      const next = apply(state, input);
      if (output !== undefined && JSON.stringify(output) !== JSON.stringify(next.output)) return false;
      return search(done | (1n << BigInt(index)), next.state);
    });
  };
  return search(0n, {});
}
