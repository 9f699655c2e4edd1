import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";
import { type Asking, assertMayManage, grantKey, mayRead } from "./access.js";
import type { ForgeOp, ForgeStore } from "./forge-store.js";
import { readRecord, writeRecord } from "./json-record.js";
import { goneKey, NAMES_PREFIX, nameKey, repoKey, rootKey } from "./keys.js";
import { assertRepositoryName } from "./names.js";
import { isRefName } from "./ref-name.js";
import type { FoundRepository, RepositoryRecord, Visibility } from "./repository.js";
import { EMPTY_ROOT } from "./root.js";

/** What may be said of a repository when it is made, and changed later. */
export interface RepositorySettings {
  visibility?: Visibility;
  defaultBranch?: string;
  description?: string;
}

interface NameRecord {
  v: 1;
  id: string;
}

/** Times that others may change a record first. */
const ATTEMPTS = 50;

/** The repositories of a store, by owner and name. */
export class Repositories {
  constructor(private readonly store: ForgeStore) {}

  /** @throws AspenError `INVALID_PARAMS`, `PERMISSION_DENIED`, `FORGE_REPO_EXISTS` */
  async create(asking: Asking, owner: string, name: string, settings: RepositorySettings): Promise<RepositoryRecord> {
    assertRepositoryName("owner", owner);
    assertRepositoryName("name", name);
    if (!asking.mayKey(grantKey({ owner, name }))) throw forgeErrors.denied("create", owner, name, "forge.repo.create");
    const { visibility = "private", defaultBranch = "main", description = "" } = checked(settings);
    const id = await this.store.newId();
    const record: RepositoryRecord = {
      ...{ v: 1, id, owner, name, visibility, defaultBranch, description },
      createdAt: this.store.now(),
      createdBy: { kind: asking.kind, id: asking.id },
      policy: { rules: [] },
    };
    const { ok } = await this.store.transact({
      checks: [{ key: nameKey(owner, name), value: null }],
      ops: [
        { type: "put", key: nameKey(owner, name), value: writeRecord({ v: 1, id } satisfies NameRecord) },
        { type: "put", key: repoKey(id), value: writeRecord(record) },
        { type: "put", key: rootKey(id), value: writeRecord(EMPTY_ROOT) },
      ],
      events: [event("created", record)],
    });
    if (!ok) throw forgeErrors.exists(owner, name);
    return record;
  }

  /** Whoever asks; null when there is none. @throws AspenError `STORE_INCONSISTENT` */
  async find(owner: string, name: string): Promise<FoundRepository | null> {
    const byName = nameKey(owner, name);
    const [entry] = await this.store.getMany([byName]);
    return entry ? this.#read(readRecord<NameRecord>(byName, entry.value, 1).id) : null;
  }

  /** @throws AspenError `FORGE_REPO_NOT_FOUND` also for who may not read it */
  async get(asking: Asking, owner: string, name: string): Promise<RepositoryRecord> {
    assertRepositoryName("owner", owner);
    assertRepositoryName("name", name);
    const found = await this.find(owner, name);
    if (!found || !mayRead(asking, found.record)) throw forgeErrors.notFound(owner, name);
    return found.record;
  }

  /** One page in the order of the names, of those that the caller may read; it may be shorter than `limit`. */
  async list(
    asking: Asking,
    { owner, after, limit = FORGE_LIMITS.pageDefault }: { owner?: string; after?: string; limit?: number },
  ): Promise<{ repositories: RepositoryRecord[]; cursor: string | null }> {
    if (owner !== undefined) assertRepositoryName("owner", owner);
    const page = await this.store.scan({
      prefix: owner === undefined ? NAMES_PREFIX : `${NAMES_PREFIX}${owner}/`,
      limit: Math.min(limit, FORGE_LIMITS.pageMax),
      ...(after === undefined ? {} : { after }),
    });
    const ids = page.entries.map(({ key, value }) => readRecord<NameRecord>(key, value, 1).id);
    const entries = ids.length === 0 ? [] : await this.store.getMany(ids.map(repoKey));
    const records = entries.flatMap((entry, at) =>
      entry ? [readRecord<RepositoryRecord>(repoKey(ids[at]!), entry.value, 1)] : [],
    );
    return { repositories: records.filter((record) => mayRead(asking, record)), cursor: page.cursor ?? null };
  }

  /** @throws AspenError `FORGE_REPO_NOT_FOUND`, `PERMISSION_DENIED`, `INVALID_PARAMS`, `FORGE_CONFLICT` */
  update(
    asking: Asking,
    owner: string,
    name: string,
    settings: RepositorySettings & Partial<Pick<RepositoryRecord, "policy">>,
  ) {
    const { policy } = settings;
    const next = { ...checked(settings), ...(policy === undefined ? {} : { policy }) };
    return this.#change(asking, { owner, name, action: "change", method: "forge.repo.update" }, (record) => ({
      record: { ...record, ...next },
      ops: [],
      what: "updated",
    }));
  }

  /** Gives it another name; its old one is free then. @throws AspenError as `update`, and `FORGE_REPO_EXISTS` */
  async rename(
    asking: Asking,
    owner: string,
    name: string,
    to: { owner?: string; name: string },
  ): Promise<RepositoryRecord> {
    const next = { owner: to.owner ?? owner, name: to.name };
    assertRepositoryName("to.owner", next.owner);
    assertRepositoryName("to.name", next.name);
    if (!asking.mayKey(grantKey(next))) throw forgeErrors.denied("create", next.owner, next.name, "forge.repo.rename");
    if (next.owner === owner && next.name === name) throw forgeErrors.invalid("to", "must be another name");
    return this.#change(asking, { owner, name, action: "rename", method: "forge.repo.rename" }, (record) => ({
      record: { ...record, ...next },
      ops: [
        { type: "delete", key: nameKey(owner, name) },
        {
          type: "put",
          key: nameKey(next.owner, next.name),
          value: writeRecord({ v: 1, id: record.id } satisfies NameRecord),
        },
      ],
      free: next,
      what: "renamed",
    }));
  }

  /** Takes it away at once; its objects are removed later. @throws AspenError as `update` */
  async delete(asking: Asking, owner: string, name: string): Promise<RepositoryRecord> {
    return this.#change(asking, { owner, name, action: "delete", method: "forge.repo.delete" }, (record) => ({
      record: null,
      ops: [
        { type: "delete", key: nameKey(owner, name) },
        { type: "put", key: goneKey(record.id), value: writeRecord({ v: 1, at: this.store.now() }) },
      ],
      what: "deleted",
    }));
  }

  async #change(
    asking: Asking,
    { owner, name, action, method }: { owner: string; name: string; action: string; method: string },
    change: (record: RepositoryRecord) => {
      record: RepositoryRecord | null;
      ops: ForgeOp[];
      free?: { owner: string; name: string };
      what: string;
    },
  ): Promise<RepositoryRecord> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      await this.get(asking, owner, name);
      const byName = nameKey(owner, name);
      const [entry] = await this.store.getMany([byName]);
      const found = entry && (await this.#read(readRecord<NameRecord>(byName, entry.value, 1).id));
      if (!entry || !found) continue;
      assertMayManage(asking, found.record, action, method);
      const { record, ops, free, what } = change(found.record);
      const { id } = found.record;
      const key = repoKey(id);
      const { ok } = await this.store.transact({
        checks: [
          { key: byName, version: entry.version },
          { key, version: found.version },
          ...(free ? [{ key: nameKey(free.owner, free.name), value: null }] : []),
        ],
        ops: [...ops, record ? { type: "put", key, value: writeRecord(record) } : { type: "delete", key }],
        events: [event(what, record ?? found.record)],
      });
      if (ok) return record ?? found.record;
      if (free && (await this.find(free.owner, free.name))) throw forgeErrors.exists(free.owner, free.name);
    }
    throw forgeErrors.conflict(`${owner}/${name}`);
  }

  async #read(id: string): Promise<FoundRepository | null> {
    const key = repoKey(id);
    const [entry] = await this.store.getMany([key]);
    return entry ? { record: readRecord<RepositoryRecord>(key, entry.value, 1), version: entry.version } : null;
  }
}

function event(what: string, { owner, name, visibility, defaultBranch }: RepositoryRecord) {
  return { topic: `forge.repo.${what}`, subject: `${owner}/${name}`, data: { owner, name, visibility, defaultBranch } };
}

function checked({ visibility, defaultBranch, description }: RepositorySettings): RepositorySettings {
  if (visibility !== undefined && visibility !== "public" && visibility !== "private") {
    throw forgeErrors.invalid("visibility", 'must be "public" or "private"');
  }
  if (defaultBranch !== undefined && !(typeof defaultBranch === "string" && isRefName(`refs/heads/${defaultBranch}`))) {
    throw forgeErrors.invalid("defaultBranch", "must be the name of a branch, such as main");
  }
  const most = FORGE_LIMITS.descriptionCharacters;
  if (description !== undefined && !(typeof description === "string" && description.length <= most)) {
    throw forgeErrors.invalid("description", `must be a text of at most ${most} characters`);
  }
  return {
    ...(visibility === undefined ? {} : { visibility }),
    ...(defaultBranch === undefined ? {} : { defaultBranch }),
    ...(description === undefined ? {} : { description }),
  };
}
