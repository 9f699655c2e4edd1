/** Hard limits of the forge. Sizes are bytes, times milliseconds. */
export const FORGE_LIMITS = {
  /** Of an owner's or a repository's name, in characters. */
  nameCharacters: 64,
  descriptionCharacters: 1024,
  /** Of a ref's full name, in bytes of UTF-8: a directory entry of most file systems holds no more. */
  refNameBytes: 255,
  /** Refs of one repository, and commands of one push. */
  refs: 20_000,
  /** Packs of one repository; compaction keeps them far below. */
  packs: 500,
  /** Rules of one policy, pushers and statuses that one rule names. */
  policyRules: 64,
  ruleNames: 32,
  patternCharacters: 255,
  /** Of what describes a status, and contexts of statuses of one commit. */
  statusCharacters: 512,
  statuses: 100,
  /** Entries of one page. */
  pageDefault: 100,
  pageMax: 1000,
  /** Refs of one push for which an event each is emitted; a larger push has one event for all. */
  eventRefs: 50,
} as const;
