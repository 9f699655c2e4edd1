import { kv } from "@aspen/guest-sdk";
import { matches } from "../records/filters.js";
import { type Instance, type InstanceRecord, instanceOf, type ServiceRecord } from "../records/instance.js";
import { instanceKey, instancesOf, SERVICES, signKey } from "../records/keys.js";
import { REGISTRY_LIMITS as LIMITS } from "../records/limits.js";
import { Params } from "./params.js";
import { signsOf } from "./registry-state.js";

/** Entries that one scan reads. */
const SCAN = 1000;

export interface DiscoverResult {
  instances: Instance[];
  /** The place to go on with; null at the end. */
  cursor: string | null;
}

export interface ListResult {
  services: { service: string; instances: number }[];
  cursor: string | null;
}

/** `service.get`: null when it is not there. */
export async function get(given: unknown): Promise<Instance | null> {
  const params = new Params(given);
  const [service, id] = [params.name(), params.id()];
  params.end();
  const entry = await kv.get(instanceKey(service, id));
  return entry && (await shown([entry.json<InstanceRecord>()]))[0]!;
}

/** `service.discover`: the instances that match, by their ids. A page is full whatever the filters leave out. */
export async function discover(given: unknown): Promise<DiscoverResult> {
  const params = new Params(given);
  const service = params.name();
  const filter = params.filter();
  const limit = params.has("limit") ? params.whole("limit", 1, LIMITS.page) : LIMITS.pageDefault;
  const start = params.has("cursor") ? params.id("cursor") : null;
  params.end();
  const prefix = instancesOf(service);
  const instances: Instance[] = [];
  let after = start === null ? undefined : cursorAfter(prefix, instanceKey(service, start));
  do {
    const page = await kv.scan({ prefix, limit: Math.min(SCAN, limit + 1), ...(after === undefined ? {} : { after }) });
    for (const instance of await shown(page.entries.map((entry) => entry.json<InstanceRecord>()))) {
      if (!matches(instance, filter)) continue;
      if (instances.length === limit) return { instances, cursor: instances.at(-1)!.id };
      instances.push(instance);
    }
    after = page.cursor;
  } while (after !== undefined);
  return { instances, cursor: null };
}

/** `service.list`: services with instances, by name. */
export async function list(given: unknown): Promise<ListResult> {
  const params = new Params(given);
  const prefix = `${SERVICES}${params.has("prefix") ? params.prefix() : ""}`;
  const limit = params.has("limit") ? params.whole("limit", 1, LIMITS.page) : LIMITS.pageDefault;
  const start = params.has("cursor") ? params.name("cursor") : null;
  params.end();
  const services: ListResult["services"] = [];
  let after = start === null ? undefined : cursorAfter(prefix, `${SERVICES}${start}`);
  do {
    const page = await kv.scan({ prefix, limit: Math.min(SCAN, limit + 1), ...(after === undefined ? {} : { after }) });
    for (const entry of page.entries) {
      if (entry.json<ServiceRecord>().instances === 0) continue;
      const service = entry.key.slice(SERVICES.length);
      const instances = await count(instancesOf(service));
      if (instances === 0) continue;
      if (services.length === limit) return { services, cursor: services.at(-1)!.service };
      services.push({ service, instances });
    }
    after = page.cursor;
  } while (after !== undefined);
  return { services, cursor: null };
}

async function shown(records: readonly InstanceRecord[]): Promise<Instance[]> {
  const signs = await signsOf(records);
  return records.map((record) => instanceOf(record, (check) => signs.get(signKey(record.service, record.id, check))));
}

/** What has expired is not among them, whether or not somebody has swept. */
async function count(prefix: string): Promise<number> {
  let total = 0;
  let after: string | undefined;
  do {
    const page = await kv.scan({ prefix, keysOnly: true, limit: 10_000, ...(after === undefined ? {} : { after }) });
    total += page.entries.length;
    after = page.cursor;
  } while (after !== undefined);
  return total;
}

/** As the store makes it: what a scan goes on behind, whether or not the key is still there. */
function cursorAfter(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const base64 = btoa(JSON.stringify([prefix, 0, key]));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
