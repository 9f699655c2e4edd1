import { type Authenticator, type CallerReview, type Clock, type Feature, NODE, POINTS } from "@aspen/feature";
import { AuditTrail } from "@aspen/layers";
import type { Logger } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { AUDIT_PREFIX } from "../auth/auth-keys.js";
import { AuthService } from "../auth/auth-service.js";
import { NODE_PARTS } from "../composition/node-parts.js";
import type { AuthSettings } from "../config/auth-config.js";
import { auditHandler } from "../handlers/audit.js";
import { tokenHandler } from "../handlers/token.js";
import { type NoConfig, noConfig } from "./no-config.js";

const SERVICE = Symbol("AuthService") as ServiceIdentifier<AuthService>;

/** `token.*`, `audit.list`, and callers that are known by a token. Who needs one is said by `auth` of the configuration. */
export const feature: Feature<NoConfig> = {
  name: "auth",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      const audit = new AuditTrail({ prefix: AUDIT_PREFIX });
      bind(SERVICE)
        .toResolvedValue<[Store, AuthSettings, string, Clock, Logger]>(
          ({ kv, exclusive = false }, settings, id, clock, logger) =>
            new AuthService({ kv, sole: exclusive, settings, id, clock, logger, audit }),
          [STORAGE.store, NODE_PARTS.auth, NODE.id, NODE.clock, NODE.log],
        )
        .inSingletonScope();
      bind(POINTS.service).toService(SERVICE);
      bind(NODE_PARTS.nodeSigner).toService(SERVICE);
      bind(POINTS.authenticator).toResolvedValue(
        (service): Authenticator => ({
          scheme: "bearer",
          authenticate: (token) => service.callerOf(token),
          recall: (token) => service.recall(token),
        }),
        [SERVICE],
      );
      bind(POINTS.callerReview).toResolvedValue(
        (service): CallerReview => ({ of: "token", review: (caller) => service.review(caller) }),
        [SERVICE],
      );
      bind(POINTS.handlerFactory).toResolvedValue(tokenHandler, [SERVICE]);
      bind(POINTS.handlerFactory).toResolvedValue((kv) => auditHandler(kv, audit), [STORAGE.kv]);
    }),
};
