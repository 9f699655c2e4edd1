/**
 * Says which keys belong to somebody else than the callers of generic methods: `kv.*` leaves them alone, unless its caller
 * has the grant `admin`.
 */
export interface KeyOwner {
  /** Prefixes of the keys that are owned at this moment. Called for each request; must not wait for anything. */
  kvPrefixes(): Iterable<string>;
}
