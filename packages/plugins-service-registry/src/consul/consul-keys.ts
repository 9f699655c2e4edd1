/** Where what Consul's clients keep beside services is: one namespace, so that a lock is one transaction. */
const ROOT = "__consul:";

export const VALUES = `${ROOT}kv/`;
export const valueKey = (key: string) => `${VALUES}${key}`;
export const SESSIONS = `${ROOT}session/`;
export const sessionKey = (id: string) => `${SESSIONS}${id}`;
/** The keys that sessions hold; what is there for a session that is gone is to be released. */
export const HELD = `${ROOT}held/`;
export const heldPrefix = (session: string) => `${HELD}${session}/`;
export const heldKey = (session: string, key: string) => `${HELD}${session}/${key}`;
/** Present while nobody may take a lock whose holder has vanished. */
export const delayKey = (key: string) => `${ROOT}delay/${key}`;

/** A value as it is stored; its index is the version of its entry. */
export interface StoredValue {
  /** Base64. */
  value: string;
  flags: number;
  /** Version at which it was made; null while that is the entry's own. */
  created: number | null;
  lockIndex: number;
  session: string | null;
}

export interface StoredSession {
  id: string;
  name: string;
  node: string;
  lockDelayMs: number;
  behavior: "release" | "delete";
  ttlMs: number | null;
}
