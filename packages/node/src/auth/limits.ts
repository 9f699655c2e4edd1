/** Bounds of tokens. Times are milliseconds. */
export const TOKEN_LIMITS = {
  /** Characters of a token: it has to fit into a header beside others. */
  characters: 8192,
  /** Patterns of methods, and prefixes of keys, that one grants, and the characters of each. */
  methods: 64,
  kvPrefixes: 64,
  patternCharacters: 128,
  prefixCharacters: 256,
  nameCharacters: 128,
  audienceCharacters: 256,
  /** Tokens above one that it was derived from, one from the other. */
  chain: 8,
  lifeDefaultMs: 30 * 86_400_000,
  lifeMinMs: 1000,
  lifeMaxMs: 366 * 86_400_000,
  /** Public keys that are kept beside the one in use. */
  retiredKeys: 32,
} as const;
