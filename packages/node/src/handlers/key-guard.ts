import type { KeyOwner } from "@aspen/feature";
import { isKeyAllowed, isNodeKey, RESERVED_PREFIXES } from "@aspen/plugin-api";
import { ADMIN_GRANT, type Caller, grantsMethod } from "@aspen/rpc-core";
import { nodeErrors } from "../errors.js";

/** What belongs to plugins whether they are installed or not. */
const OF_PLUGINS = ["__plugin:", ...Object.keys(RESERVED_PREFIXES)];

/** Keeps generic methods away from the keys of the node, and from those of plugins unless their caller is an admin. */
export class KeyGuard {
  constructor(private readonly owners: readonly KeyOwner[] = []) {}

  /** @throws AspenError `PERMISSION_DENIED` when this key, or every key with this prefix, belongs to another */
  assert(caller: Caller, key: string): void {
    if (isNodeKey(key)) throw nodeErrors.systemKey(key);
    if (!isAdmin(caller) && this.#isOwned(key)) throw nodeErrors.pluginKey(key);
  }

  /** For the keys of a scan, whose prefix may be wider than what belongs to others: true for those that it may show. */
  visibleTo(caller: Caller): (key: string) => boolean {
    if (isAdmin(caller)) return (key) => !isNodeKey(key);
    const owned = this.#owned();
    return (key) => !isKeyAllowed(owned, key);
  }

  #isOwned(key: string): boolean {
    return isKeyAllowed(this.#owned(), key);
  }

  #owned(): string[] {
    return [...OF_PLUGINS, ...this.owners.flatMap((owner) => owner.kvPrefixes())];
  }
}

function isAdmin({ grants }: Caller): boolean {
  return grantsMethod(grants, ADMIN_GRANT);
}
