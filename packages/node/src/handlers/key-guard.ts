import type { KeyOwner } from "@aspen/feature";
import { isNodeKey, NODE_PREFIXES, RESERVED_PREFIXES } from "@aspen/plugin-api";
import { ADMIN_GRANT, type Caller, grantsMethod } from "@aspen/rpc-core";
import { nodeErrors } from "../errors.js";

/** What belongs to plugins whether they are installed or not, and to the node. */
const RESERVED: readonly string[] = ["__plugin:", ...Object.keys(RESERVED_PREFIXES)];

/** Keeps generic methods away from the keys of the node, and from those of plugins unless their caller is an admin. */
export class KeyGuard {
  constructor(private readonly owners: readonly KeyOwner[] = []) {}

  /** @throws AspenError `PERMISSION_DENIED` when this key, or every key with this prefix, belongs to another */
  assert(caller: Caller, key: string): void {
    if (isNodeKey(key)) throw nodeErrors.systemKey(key);
    if (this.hiddenPrefix(caller, key) !== null) throw nodeErrors.pluginKey(key);
  }

  /** The prefix of another's keys that this key is one of; null for a key that the caller may see. */
  hiddenPrefix(caller: Caller, key: string): string | null {
    if (isAdmin(caller)) return prefixOf(NODE_PREFIXES, key);
    const reserved = prefixOf(RESERVED, key);
    if (reserved !== null) return reserved;
    for (const owner of this.owners) {
      const owned = prefixOf(owner.kvPrefixes(), key);
      if (owned !== null) return owned;
    }
    return null;
  }
}

function prefixOf(prefixes: Iterable<string>, key: string): string | null {
  for (const prefix of prefixes) if (key.startsWith(prefix)) return prefix;
  return null;
}

function isAdmin({ grants }: Caller): boolean {
  return grantsMethod(grants, ADMIN_GRANT);
}
