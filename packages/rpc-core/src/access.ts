/**
 * What a caller needs for a method. `public`: nothing. Else the methods and the keys must be granted; a method that says
 * nothing needs its own name.
 */
export type MethodAccess<Params = unknown> = "public" | AccessNeeds<Params>;

export interface AccessNeeds<Params = unknown> {
  /** Methods that must be granted, every one. @default the method's own name */
  readonly methods?: readonly string[];
  /** Keys, and prefixes of scans, that the params name; each must start with a granted prefix. @default none */
  kvKeys?(params: Params): readonly string[];
}

/** The access of a method as `rpc.describe` shows it. */
export type DescribedAccess = "public" | { readonly methods: readonly string[]; readonly kvKeys: boolean };

export function describeAccess(method: string, access: MethodAccess = {}): DescribedAccess {
  if (access === "public") return "public";
  return { methods: access.methods ?? [method], kvKeys: access.kvKeys !== undefined };
}
