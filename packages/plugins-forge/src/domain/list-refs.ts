import type { ForgeStore } from "./forge-store.js";
import { RefTable } from "./ref-table.js";
import { consistently } from "./root.js";

export interface ListedRef {
  name: string;
  /** Id of the object that it names. */
  target: string;
}

/** One page of the refs whose names start with `prefix`, in the order of their names; null when the repository is gone. */
export async function listRefs(
  store: ForgeStore,
  id: string,
  { prefix, after = "", limit }: { prefix: string; after?: string; limit: number },
): Promise<{ refs: ListedRef[]; cursor: string | null } | null> {
  const table = await consistently(store, id, ({ root }) => RefTable.read(store, id, root));
  if (!table) return null;
  const refs: ListedRef[] = [];
  for (const [name, target] of table.entries()) {
    if (!name.startsWith(prefix) || name <= after) continue;
    if (refs.length === limit) return { refs, cursor: refs.at(-1)!.name };
    refs.push({ name, target });
  }
  return { refs, cursor: null };
}
