import type { NamespaceNames } from "./redis-names.js";

/** The parts of the key-value store that its maintenance uses. */
export interface RedisMaintenanceParts {
  prefix: string;
  names(namespace: string): NamespaceNames;
  register(namespace: string): Promise<void>;
}
