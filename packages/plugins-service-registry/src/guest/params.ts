import { AspenError } from "@aspen/guest-sdk";
import valid from "semver/functions/valid.js";
import validRange from "semver/ranges/valid.js";
import type { InstanceFilter } from "../records/filters.js";
import { type CheckDefinition, HEALTH, type Health, type Sign } from "../records/instance.js";
import { REGISTRY_LIMITS as LIMITS } from "../records/limits.js";

/** Letters, digits, `.`, `_` and `-`; an id may have `:` and `@` too. Neither has the `/` that keys are split at. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const ID = /^[A-Za-z0-9_]([A-Za-z0-9._:@-]*[A-Za-z0-9_])?$/;
/** A host name or an address, as it stands in a URL without brackets. */
const ADDRESS = /^[A-Za-z0-9_]([A-Za-z0-9._:-]*[A-Za-z0-9])?$|^::[A-Fa-f0-9.:]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be in a text
const CONTROL = /[\u0000-\u001f\u007f]/;

export function invalid(field: string, rule: string): AspenError {
  return new AspenError("INVALID_PARAMS", `${field} ${rule}`, { field });
}

/** Reads the fields of params one by one; what is left over is refused by `end`. */
export class Params {
  readonly #given: Record<string, unknown>;
  readonly #read = new Set<string>();

  constructor(
    params: unknown,
    private readonly path = "",
  ) {
    if (typeof params !== "object" || params === null || Array.isArray(params)) {
      throw invalid(path || "the params", "must be an object");
    }
    this.#given = params as Record<string, unknown>;
  }

  /** The value, undefined when it is not given; null counts as given. */
  raw(field: string): unknown {
    this.#read.add(field);
    return Object.hasOwn(this.#given, field) ? this.#given[field] : undefined;
  }

  at(field: string): string {
    return this.path === "" ? field : `${this.path}.${field}`;
  }

  has(field: string): boolean {
    return this.raw(field) !== undefined;
  }

  name(field = "service"): string {
    return checkedName(this.at(field), this.raw(field), NAME, "letters, digits, '.', '_' and '-'");
  }

  id(field = "id"): string {
    return checkedName(this.at(field), this.raw(field), ID, "letters, digits, '.', '_', '-', ':' and '@'");
  }

  text(field: string, most: number): string {
    return checkedText(this.at(field), this.raw(field), most);
  }

  address(field = "address"): string {
    const address = this.text(field, LIMITS.address);
    if (!ADDRESS.test(address)) throw invalid(this.at(field), "must be a host name or an IP address");
    return address;
  }

  whole(field: string, least: number, most: number): number {
    const value = this.raw(field);
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw invalid(this.at(field), `must be a whole number from ${least} to ${most}`);
    }
    return value;
  }

  flag(field: string): boolean {
    const value = this.raw(field);
    if (typeof value !== "boolean") throw invalid(this.at(field), "must be true or false");
    return value;
  }

  token(field = "fencingToken"): number {
    return this.whole(field, 1, Number.MAX_SAFE_INTEGER);
  }

  health(field: string): Health {
    const value = this.raw(field);
    if (!HEALTH.includes(value as Health)) throw invalid(this.at(field), `must be one of ${HEALTH.join(", ")}`);
    return value as Health;
  }

  tags(field = "tags"): string[] {
    const value = this.raw(field);
    if (!Array.isArray(value) || value.length > LIMITS.tags) {
      throw invalid(this.at(field), `must be a list of at most ${LIMITS.tags} tags`);
    }
    return [...new Set(value.map((tag, index) => checkedText(`${this.at(field)}[${index}]`, tag, LIMITS.tag)))];
  }

  version(field = "version"): string | null {
    if (this.raw(field) === null) return null;
    const version = valid(this.text(field, LIMITS.name));
    if (version === null) throw invalid(this.at(field), "must be a semantic version, such as 1.2.3");
    return version;
  }

  metadata(field = "metadata"): Record<string, string> {
    const value = this.raw(field);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(this.at(field), "must be an object of texts");
    }
    const entries = Object.entries(value);
    if (entries.length > LIMITS.metadata) throw invalid(this.at(field), `must have at most ${LIMITS.metadata} keys`);
    let total = 0;
    for (const [key, text] of entries) {
      checkedText(`a key of ${this.at(field)}`, key, LIMITS.metadataKey);
      if (typeof text !== "string" || text.length > LIMITS.metadataValue) {
        throw invalid(`a value of ${this.at(field)}`, `must be a text of at most ${LIMITS.metadataValue} characters`);
      }
      total += key.length + text.length;
    }
    if (total > LIMITS.metadataTotal) {
      throw invalid(this.at(field), `must have at most ${LIMITS.metadataTotal} characters together`);
    }
    return Object.fromEntries(entries) as Record<string, string>;
  }

  filter(): InstanceFilter {
    const range = this.has("version") ? this.text("version", LIMITS.name) : undefined;
    if (range !== undefined && validRange(range) === null) {
      throw invalid(this.at("version"), "must be a range of semantic versions, such as ^1.2");
    }
    return {
      ...(this.has("healthy") ? { healthy: this.flag("healthy") } : {}),
      ...(this.has("tags") ? { tags: this.tags() } : {}),
      ...(this.has("anyTag") ? { anyTag: this.tags("anyTag") } : {}),
      ...(range === undefined ? {} : { version: range }),
      ...(this.has("metadata") ? { metadata: this.metadata() } : {}),
      ...(this.has("zone") ? { zone: this.text("zone", LIMITS.name) } : {}),
    };
  }

  /** What a check has to say: any text, cut to its bound. */
  output(field = "output"): string {
    const value = this.raw(field);
    if (typeof value !== "string") throw invalid(this.at(field), "must be a text");
    return value.slice(0, LIMITS.output);
  }

  /** What names begin with. */
  prefix(field = "prefix"): string {
    const value = this.raw(field);
    if (value === "") return "";
    return checkedName(this.at(field), `${String(value)}x`, NAME, "letters, digits, '.', '_' and '-'").slice(0, -1);
  }

  /** Definitions of checks, and what is said of them at once; nothing makes a check critical until somebody does. */
  checks(field = "checks"): { checks: CheckDefinition[]; signs: Map<string, Sign> } {
    const value = this.raw(field);
    if (!Array.isArray(value) || value.length > LIMITS.checks) {
      throw invalid(this.at(field), `must be a list of at most ${LIMITS.checks} checks`);
    }
    const signs = new Map<string, Sign>();
    const checks = value.map((given, index) => {
      const params = new Params(given, `${this.at(field)}[${index}]`);
      const health = params.has("health") ? params.health("health") : undefined;
      const check = checkDefinition(params);
      if (health !== undefined) signs.set(check.id, { health, output: "" });
      return check;
    });
    if (new Set(checks.map(({ id }) => id)).size < checks.length) throw invalid(this.at(field), "has an id twice");
    return { checks, signs };
  }

  /** @throws AspenError `INVALID_PARAMS` for a field that nobody asked for */
  end(): void {
    for (const field of Object.keys(this.#given)) {
      if (!this.#read.has(field)) throw invalid(this.at(field).slice(0, 100), "is not known");
    }
  }
}

function checkDefinition(params: Params): CheckDefinition {
  const kind = params.raw("kind");
  if (kind !== "ttl" && kind !== "http" && kind !== "tcp" && kind !== "none") {
    throw invalid(params.at("kind"), "must be one of ttl, http, tcp, none");
  }
  const time = (field: string, least: number) =>
    params.has(field) ? { [field]: params.whole(field, least, LIMITS.ttlMostMs) } : {};
  const probed = kind === "http" || kind === "tcp";
  const check: CheckDefinition = {
    id: params.id(),
    ...(params.has("name") ? { name: params.text("name", LIMITS.name) } : {}),
    kind,
    ...(kind === "ttl" ? { ttlMs: params.whole("ttlMs", LIMITS.ttlLeastMs, LIMITS.ttlMostMs) } : {}),
    ...(probed ? { target: target(params, kind), ...time("intervalMs", 1000), ...time("timeoutMs", 100) } : {}),
    ...time("deregisterAfterMs", 1000),
    ...(params.has("notes") ? { notes: params.text("notes", LIMITS.output) } : {}),
  };
  params.end();
  return check;
}

function target(params: Params, kind: "http" | "tcp"): string {
  const target = params.text("target", 2048);
  const good = kind === "http" ? /^https?:\/\/[^\s/]+/.test(target) : /^\[?[A-Za-z0-9._:-]+\]?:\d{1,5}$/.test(target);
  if (!good) throw invalid(params.at("target"), kind === "http" ? "must be an http or https URL" : "must be host:port");
  return target;
}

function checkedName(field: string, value: unknown, form: RegExp, characters: string): string {
  if (typeof value !== "string" || value.length > LIMITS.name || !form.test(value)) {
    throw invalid(field, `must be 1 to ${LIMITS.name} of ${characters}, and begin and end with a letter or digit`);
  }
  return value;
}

function checkedText(field: string, value: unknown, most: number): string {
  if (typeof value !== "string" || value.length === 0 || value.length > most || CONTROL.test(value)) {
    throw invalid(field, `must be a text of 1 to ${most} characters, none of them a control character`);
  }
  return value;
}
