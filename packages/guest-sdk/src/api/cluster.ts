import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallExpecting } from "../guest/host-call.js";

/** The nodes that share the store. */
export interface ClusterInfo {
  /** Id of the node on which the call runs. */
  self: string;
  nodes: {
    /** Random for every start. */
    id: string;
    version: string;
    state: "serving" | "draining";
    /** False when its signs of life are overdue. */
    healthy: boolean;
    features: string[];
  }[];
}

/** The nodes. Needs `cluster:info`. */
export const cluster = {
  /** As the node sees them on which the call runs. @throws AspenError `PERMISSION_DENIED`; `FEATURE_OFF` outside of a node */
  async info(): Promise<ClusterInfo> {
    return JSON.parse(decodeUtf8(await hostCallExpecting("cluster_info"))) as ClusterInfo;
  },
};
