/** Who asks. It is set where a request enters, and travels with it. */
export interface Caller {
  /**
   * `local`: this process, or someone on this machine whom the front lets in without a token; `token`: the holder of a
   * token; `plugin`: a plugin's host call; `node`: a node, for what it does by itself; `anonymous`: anybody.
   */
  readonly kind: "local" | "token" | "plugin" | "node" | "anonymous";
  /** Which one of its kind: a token's id, a plugin's name. For logs and audits; never a secret. */
  readonly id: string;
  readonly grants: Grants;
  /** Of a plugin: the names of the plugins that have called each other up to here, the first one first, itself last. @default none */
  readonly through?: readonly string[];
  /** Of a plugin: the id of the token of whoever it acts for, which ends what it may do for him. @default none */
  readonly token?: string;
}

/** What a caller may do. `intersectGrants` gives what two of them share. */
export interface Grants {
  /** Names of methods and `prefix.*` patterns; `*` is every method. */
  readonly methods: readonly string[];
  /** Keys that it may name in generic methods, by their beginnings; the empty one stands for every key. */
  readonly kvPrefixes: readonly string[];
}

export const ALL_GRANTS: Grants = { methods: ["*"], kvPrefixes: [""] };

export const NO_GRANTS: Grants = { methods: [], kvPrefixes: [] };

/** Code of this process, and who is on loopback. */
export const LOCAL_CALLER: Caller = { kind: "local", id: "local", grants: ALL_GRANTS };

/**
 * The method that whoever may do everything is granted: `*` covers it, as does its own name. No handler serves it; generic
 * methods ask for it before they touch what belongs to others, such as the keys of plugins.
 */
export const ADMIN_GRANT = "admin";

/** Somebody of whom nothing is known. Methods that are `public` are open to them. */
export const ANONYMOUS_CALLER: Caller = { kind: "anonymous", id: "anonymous", grants: NO_GRANTS };

/** The id of the token that a caller's rights come from; undefined when they come from none. */
export function tokenBehind({ kind, id, token }: Caller): string | undefined {
  return kind === "token" ? id : token;
}

/** The node itself, where nobody has asked: health checks, timers. */
export function nodeCaller(id: string): Caller {
  return { kind: "node", id, grants: ALL_GRANTS };
}
