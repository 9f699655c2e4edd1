import { decodeUtf8 } from "@aspen/plugin-api";
import type { KvEvent } from "@aspen/storage";
import type { InstanceRecord, Sign } from "../records/instance.js";
import { INSTANCES, partsOf, SIGNS } from "../records/keys.js";
import type { Deadlines } from "./deadlines.js";
import { type Held, ViewedService } from "./viewed-service.js";

/** What the store tells of the registry, put together: the services by their names. */
export class Snapshot {
  readonly services = new Map<string, ViewedService>();
  /** Of the last change that was told. */
  version = 0;

  constructor(
    private readonly deadlines: Deadlines,
    /** Hears of what is stored as an instance and cannot be read. */
    private readonly onUnreadable: (key: string) => void,
  ) {}

  /** Takes an event of the watch in; returns the service that it changed, if any. */
  apply(event: Exclude<KvEvent, { type: "synced" }>): ViewedService | null {
    this.version = Math.max(this.version, event.version);
    const changed = this.#change(event);
    if (changed) changed.index = Math.max(changed.index, event.version);
    return changed;
  }

  #change(event: Exclude<KvEvent, { type: "synced" }>): ViewedService | null {
    const { key } = event;
    const value = event.type === "delete" ? null : event.value;
    if (key.startsWith(INSTANCES)) {
      const [name, id] = partsOf(INSTANCES, key);
      return this.#set(
        name,
        value,
        key,
        (service) => service.instances,
        id,
        ({ ttlMs }: InstanceRecord) => ttlMs,
      );
    }
    if (!key.startsWith(SIGNS)) return null;
    const [name, id, check = ""] = partsOf(SIGNS, key);
    const signs = (service: ViewedService) => {
      const found = service.signs.get(id) ?? new Map<string, Held<Sign>>();
      service.signs.set(id, found);
      return found;
    };
    const ttlOf = () => this.#ttlOfCheck(name, id, check);
    const changed = this.#set(name, value, key, signs, check, ttlOf);
    const service = this.services.get(name);
    if (service?.signs.get(id)?.size === 0) service.signs.delete(id);
    return changed;
  }

  /** The sign of a check may come before its instance; the watch tells of its end then. */
  #ttlOfCheck(service: string, id: string, check: string): number | null {
    const record = this.services.get(service)?.instances.get(id)?.value;
    return record?.checks.find((one) => one.id === check)?.ttlMs ?? null;
  }

  #set<T>(
    name: string,
    value: Uint8Array | null,
    key: string,
    mapOf: (service: ViewedService) => Map<string, Held<T>>,
    id: string,
    ttlOf: (value: T) => number | null,
  ): ViewedService | null {
    let service = this.services.get(name);
    if (value === null) {
      if (!service) return null;
      return mapOf(service).delete(id) ? service : null;
    }
    if (!service) {
      service = new ViewedService(name, 0);
      this.services.set(name, service);
    }
    const map = mapOf(service);
    const text = decodeUtf8(value);
    const before = map.get(id);
    if (before && before.text === text && !before.over) {
      if (before.ttlMs !== undefined) before.deadline = performance.now() + before.ttlMs;
      return null;
    }
    const read = this.#read<T>(key, text);
    if (read === null) return map.delete(id) ? service : null;
    const ttlMs = ttlOf(read) ?? undefined;
    const deadline = ttlMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + ttlMs;
    const held: Held<T> = { key, text, value: read, ttlMs, deadline, over: false };
    map.set(id, held);
    if (ttlMs !== undefined) this.deadlines.add(held);
    return service;
  }

  #read<T>(key: string, text: string): T | null {
    try {
      return JSON.parse(text) as T;
    } catch {
      this.onUnreadable(key);
      return null;
    }
  }
}
