import type { VerifyOptions } from "../../maintenance/contract.js";
import { type Finding, type FindingKind, finding, isMended, VERSION_GAP } from "../../maintenance/findings.js";
import { isNamespace, keyIn, strictUtf8 } from "../../maintenance/restorable.js";
import { throwIfCancelled } from "../../maintenance/signal.js";
import type { RedisConnection } from "./connection/redis-connection.js";
import type { RedisMaintenanceParts } from "./maintenance-parts.js";
import { type NamespaceKey, namespaceKeys } from "./redis-keyspace.js";

const PAGE_KEYS = 500;
/** Findings that are about the namespace; the others are about the key. */
const OF_NAMESPACE: ReadonlySet<FindingKind> = new Set(["index-unusable", "version-low", "version-undecodable"]);

/**
 * One run over a Redis. Reads find what may be wrong; then a script looks again, and mends, in one step. So a write
 * that comes between two reads is no finding.
 */
export class RedisVerification {
  /** Namespaces whose version was told as too low. */
  readonly #low = new Set<string>();
  readonly #registered = new Set<string>();
  #done = 0;

  constructor(
    private readonly connection: RedisConnection,
    private readonly parts: RedisMaintenanceParts,
    private readonly options: VerifyOptions,
    private readonly total: number | null,
  ) {}

  async *run(): AsyncGenerator<Finding> {
    yield* this.#register();
    for (const namespace of this.#registered) yield* this.#namespace(namespace);
    for await (const keys of namespaceKeys(this.connection, this.parts.prefix)) {
      this.#check();
      yield* this.#unregistered(keys);
      yield* this.#unindexed(keys);
    }
    for (const namespace of this.#registered) yield* this.#expiries(namespace);
  }

  async *#register(): AsyncGenerator<Finding> {
    const register = `${this.parts.prefix}:namespaces`;
    for (const member of (await this.connection.read("SMEMBERS", [register])) as Buffer[]) {
      const name = strictUtf8(member);
      if (name !== null && isNamespace(name)) {
        this.#registered.add(name);
        continue;
      }
      const mended = isMended("namespace-invalid", this.options);
      if (mended) await this.connection.write("SREM", [register, member]);
      yield finding("namespace-invalid", name ?? member.toString("latin1"), mended);
    }
  }

  /** What is in the namespace's index. */
  async *#namespace(namespace: string): AsyncGenerator<Finding> {
    this.#check();
    const {
      index,
      keys: [version],
    } = this.parts.names(namespace);
    const state = await this.#inspect(namespace, []);
    const unusable = state.findings.find(({ kind }) => kind === "index-unusable");
    if (unusable) yield unusable;
    if (Number(await this.connection.read("EXISTS", [version])) === 0) {
      const empty = Number(await this.connection.read("EXISTS", [index])) === 0;
      if (empty) yield finding("namespace-unused", namespace, false);
    }
    let highest = 0;
    // Without a usable index every row is found by its key later.
    for (let from: Buffer | string = "-"; !unusable; ) {
      this.#check();
      const args = [index, from, "+", "LIMIT", 0, PAGE_KEYS];
      const keys = (await this.connection.read("ZRANGEBYLEX", args)) as Buffer[];
      if (keys.length === 0) break;
      const valid = keys.filter((key) => keyIn(key, namespace) !== null);
      for (const key of keys) if (!valid.includes(key)) yield await this.#invalid(namespace, key);
      const page = await this.#inspect(namespace, valid);
      yield* page.findings;
      highest = Math.max(highest, page.highest);
      this.#advance(keys.length);
      from = Buffer.concat([Buffer.from("("), keys.at(-1)!]);
    }
    if (state.findings.some(({ kind }) => kind === "version-undecodable")) {
      yield await this.#version(namespace, highest);
    }
  }

  async #version(namespace: string, highest: number): Promise<Finding> {
    const mended = isMended("version-undecodable", this.options);
    if (mended) {
      await this.connection.script("raise-version", this.parts.names(namespace).keys, [highest + VERSION_GAP, "1"]);
    }
    return finding("version-undecodable", namespace, mended);
  }

  async *#unregistered(keys: readonly NamespaceKey[]): AsyncGenerator<Finding> {
    const written = keys.filter((key) => key.written).map((key) => key.namespace);
    for (const namespace of new Set(written)) {
      if (this.#registered.has(namespace) || !isNamespace(namespace)) continue;
      this.#registered.add(namespace);
      const register = `${this.parts.prefix}:namespaces`;
      // A namespace is registered before its first key is written, so it is registered by now.
      if (Number(await this.connection.read("SISMEMBER", [register, namespace])) === 1) continue;
      const mended = isMended("namespace-unregistered", this.options);
      if (mended) await this.connection.write("SADD", [register, namespace]);
      yield finding("namespace-unregistered", namespace, mended);
      yield* this.#namespace(namespace);
    }
  }

  /** Rows that the index does not have. */
  async *#unindexed(keys: readonly NamespaceKey[]): AsyncGenerator<Finding> {
    for (const [namespace, rows] of groupRows(keys)) {
      const suspects = isNamespace(namespace) ? await this.#outsideIndex(namespace, rows) : rows;
      const valid = suspects.filter((key) => isNamespace(namespace) && keyIn(key, namespace) !== null);
      for (const key of suspects) if (!valid.includes(key)) yield await this.#invalid(namespace, key);
      if (valid.length > 0) yield* (await this.#inspect(namespace, valid)).findings;
    }
  }

  /** Expiries of keys that have neither a row nor a place in the index; those of other keys were checked already. */
  async *#expiries(namespace: string): AsyncGenerator<Finding> {
    const { expiries, rows } = this.parts.names(namespace);
    if (String(await this.connection.read("TYPE", [expiries])) !== "zset") return;
    let cursor = "0";
    do {
      this.#check();
      const args = [expiries, cursor, "COUNT", PAGE_KEYS];
      const [next, flat] = (await this.connection.read("ZSCAN", args)) as [Buffer, Buffer[]];
      cursor = next.toString();
      const keys = flat.filter((_, at) => at % 2 === 0);
      for (const key of await this.#outsideIndex(namespace, keys)) {
        const row = Buffer.concat([Buffer.from(rows), key]);
        if (Number(await this.connection.read("EXISTS", [row])) === 1) continue;
        yield* (await this.#inspect(namespace, [key])).findings.filter(({ kind }) => kind === "expiry-stale");
      }
    } while (cursor !== "0");
  }

  async #outsideIndex(namespace: string, keys: readonly Buffer[]): Promise<Buffer[]> {
    const { index } = this.parts.names(namespace);
    if (keys.length === 0 || !["zset", "none"].includes(String(await this.connection.read("TYPE", [index])))) {
      return [...keys];
    }
    const scores = (await this.connection.read("ZMSCORE", [index, ...keys])) as (Buffer | null)[];
    return keys.filter((_, at) => scores[at] === null);
  }

  async #invalid(namespace: string, key: Buffer): Promise<Finding> {
    const mended = isMended("key-invalid", this.options);
    if (mended) {
      const { index, rows } = this.parts.names(namespace);
      await this.connection.write("DEL", [Buffer.concat([Buffer.from(rows), key])]);
      if (String(await this.connection.read("TYPE", [index])) === "zset") {
        await this.connection.write("ZREM", [index, key]);
      }
    }
    return finding("key-invalid", key.toString("utf8"), mended);
  }

  /** Checks keys of a namespace in one step; the namespace itself when no keys are given. */
  async #inspect(namespace: string, keys: readonly Buffer[]): Promise<{ highest: number; findings: Finding[] }> {
    const { repair = false, removeDamaged = false } = this.options;
    const reply = (await this.connection.script("inspect", this.parts.names(namespace).keys, [
      repair ? "1" : "0",
      removeDamaged ? "1" : "0",
      VERSION_GAP,
      ...keys,
    ])) as Buffer[];
    const findings: Finding[] = [];
    for (let at = 1; at < reply.length; at += 3) {
      const kind = reply[at + 1]!.toString() as FindingKind;
      if (kind === "version-low" && this.#low.has(namespace)) continue;
      if (kind === "version-low") this.#low.add(namespace);
      const subject = OF_NAMESPACE.has(kind) ? namespace : reply[at]!.toString("utf8");
      findings.push(finding(kind, subject, reply[at + 2]!.toString() === "1"));
    }
    return { highest: Number(reply[0]), findings };
  }

  #advance(keys: number): void {
    this.#done += keys;
    this.options.onProgress?.({ phase: "keys", done: this.#done, total: this.total, unit: "keys" });
  }

  #check(): void {
    throwIfCancelled(this.options.signal, "verifying");
  }
}

function groupRows(keys: readonly NamespaceKey[]): Map<string, Buffer[]> {
  const groups = new Map<string, Buffer[]>();
  for (const { namespace, row } of keys) {
    if (row === null) continue;
    const group = groups.get(namespace);
    if (group) group.push(row);
    else groups.set(namespace, [row]);
  }
  return groups;
}
