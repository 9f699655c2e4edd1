import type { ServiceIdentifier } from "inversify";
import type { NodeSigner } from "../cluster/node-trust.js";
import type { AuthSettings } from "../config/auth-config.js";

/** What the node's own features give to each other, beside `NODE` and the points. */
export const NODE_PARTS = {
  /** `auth` of the configuration. */
  auth: Symbol("AuthSettings") as ServiceIdentifier<AuthSettings>,
  /** Bound by the feature that knows tokens. */
  nodeSigner: Symbol("NodeSigner") as ServiceIdentifier<NodeSigner>,
};
