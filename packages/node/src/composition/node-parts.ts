import type { ServiceIdentifier } from "inversify";
import type { NodeSigner } from "../cluster/node-trust.js";
import type { AuthSettings } from "../config/auth-config.js";
import type { TlsFiles } from "../http/tls.js";

/** What the node's own features give to each other, beside `NODE` and the points. */
export const NODE_PARTS = {
  /** `auth` of the configuration. */
  auth: Symbol("AuthSettings") as ServiceIdentifier<AuthSettings>,
  /** `listen.tls` of the configuration; null without. */
  tls: Symbol("TlsFiles") as ServiceIdentifier<TlsFiles | null>,
  /** Bound by the feature that knows tokens. */
  nodeSigner: Symbol("NodeSigner") as ServiceIdentifier<NodeSigner>,
};
