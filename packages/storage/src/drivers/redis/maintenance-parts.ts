import type { NamespaceNames } from "./redis-names.js";

/** Where the key-value store keeps what. */
export interface RedisMaintenanceParts {
  prefix: string;
  names(namespace: string): NamespaceNames;
  register(namespace: string): Promise<void>;
}
