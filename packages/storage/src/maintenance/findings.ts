interface FindingKindInfo {
  /** `damage`: something does not work; `leftover`: normal work leaves it, and it harms nobody. */
  severity: "damage" | "leftover";
  problem: string;
  /** What a repair does about it. */
  remedy: string;
  /** `repair`: mended without a loss; `remove`: only removed, when that is asked for; `none`: told only. */
  mend: "repair" | "remove" | "none";
}

/** Everything that can be found. */
export const FINDINGS = {
  "row-undecodable": {
    severity: "damage",
    problem: "its row cannot be read: it is cut short or holds no version",
    remedy: "removes it, only when damaged data is to be removed",
    mend: "remove",
  },
  "key-invalid": {
    severity: "damage",
    problem: "no node can have written a row under this key or in this place, and none can read it",
    remedy: "removes it, only when damaged data is to be removed",
    mend: "remove",
  },
  "index-missing": {
    severity: "damage",
    problem: "its row is in no index, so that scans do not find it",
    remedy: "puts it into the index",
    mend: "repair",
  },
  "index-dangling": {
    severity: "damage",
    problem: "it is in the index and has no row",
    remedy: "takes it out of the index and tells watches that it is gone",
    mend: "repair",
  },
  "index-unusable": {
    severity: "damage",
    problem: "the namespace's index or its list of expiries is of another type, so that no write works",
    remedy: "makes it anew from the rows",
    mend: "repair",
  },
  "expiry-missing": {
    severity: "damage",
    problem: "it expires, but nothing would remove it and tell watches then",
    remedy: "notes when it expires",
    mend: "repair",
  },
  "expiry-undecodable": {
    severity: "damage",
    problem: "an entry of the list of expiries cannot be read",
    remedy: "removes the entry; what expires is noted anew from the rows",
    mend: "repair",
  },
  "expiry-stale": {
    severity: "leftover",
    problem: "an expiry is noted that was overtaken by a later write",
    remedy: "removes it; it would go by itself when its time has come",
    mend: "repair",
  },
  "version-low": {
    severity: "damage",
    problem: "the namespace's version is lower than that of one of its rows, so that versions would repeat",
    remedy: "raises it well over the highest version of a row; watches begin anew",
    mend: "repair",
  },
  "version-undecodable": {
    severity: "damage",
    problem: "the namespace's version is no number, so that no write works",
    remedy: "sets it well over the highest version of a row; watches begin anew",
    mend: "repair",
  },
  "namespace-unregistered": {
    severity: "damage",
    problem: "the namespace has rows and is not registered, so that scans over all keys miss it",
    remedy: "registers it",
    mend: "repair",
  },
  "namespace-invalid": {
    severity: "damage",
    problem: "a name is registered that is no namespace",
    remedy: "takes it off the register",
    mend: "repair",
  },
  "namespace-unused": {
    severity: "leftover",
    problem: "the namespace is registered and was never written to",
    remedy: "leaves it: a node that runs may be about to write",
    mend: "none",
  },
  "changes-damaged": {
    severity: "damage",
    problem: "the changes that are kept for watches cannot be read or are not complete",
    remedy: "drops them; watches begin anew",
    mend: "repair",
  },
  "import-unfinished": {
    severity: "damage",
    problem: "an import into the store was begun and not finished, so that a part may be missing",
    remedy: "leaves it: import the same file again",
    mend: "none",
  },
  "blob-corrupt": {
    severity: "damage",
    problem: "its stored bytes do not match its hash",
    remedy: "removes it, only when damaged data is to be removed; putting the same bytes again then heals it",
    mend: "remove",
  },
} as const satisfies Record<string, FindingKindInfo>;

export type FindingKind = keyof typeof FINDINGS;

/** One thing that is wrong. */
export interface Finding {
  kind: FindingKind;
  severity: "damage" | "leftover";
  /** The key, namespace or hash that it is about. */
  subject: string;
  problem: string;
  /** What a repair does, or did, about it. */
  remedy: string;
  repaired: boolean;
}

export function finding(kind: FindingKind, subject: string, repaired: boolean): Finding {
  const { severity, problem, remedy } = FINDINGS[kind];
  return { kind, severity, subject, problem, remedy, repaired };
}

/** Whether a verification with these options does something about a finding of this kind. */
export function isMended(kind: FindingKind, options: { repair?: boolean; removeDamaged?: boolean }): boolean {
  const { mend } = FINDINGS[kind];
  return (options.repair ?? false) && (mend === "repair" || (mend === "remove" && (options.removeDamaged ?? false)));
}

/**
 * By how much a counter that was lost or set back is raised over the highest version of a row: rows that were
 * deleted may have had higher ones.
 */
export const VERSION_GAP = 1_000_000;
