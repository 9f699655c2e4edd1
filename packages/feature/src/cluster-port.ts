/** A node as a plugin sees it. */
export interface ClusterPeer {
  /** Random for every start. */
  readonly id: string;
  readonly version: string;
  readonly state: "serving" | "draining";
  /** False when its signs of life are overdue. */
  readonly healthy: boolean;
  readonly features: readonly string[];
}

/** What the nodes' list of each other gives to host functions, as the port `cluster`. */
export interface ClusterPort {
  /** The nodes that share the store, as this one sees them now. Must not wait. */
  info(): { readonly self: string; readonly nodes: readonly ClusterPeer[] };
}
