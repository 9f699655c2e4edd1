/**
 * `URL` and `URLSearchParams` of the URL Standard. The parser of the engine template with URL parses and writes; these
 * classes add what its own classes lack. They are evaluated before a plugin that names one of them.
 */

type Pair = [name: string, value: string];

const NativeUrl = globalThis.URL;
const NativeParams = globalThis.URLSearchParams;

/** A USVString (Web IDL): no lone surrogates. */
function usv(value: unknown): string {
  return String(value).toWellFormed();
}

function required(count: number, least: number, what: string): void {
  if (count < least) throw new TypeError(`${what} needs ${least} argument${least === 1 ? "" : "s"}, not ${count}`);
}

/** The pairs of a query; one question mark in front is not part of it. */
function parsePairs(query: string): Pair[] {
  return [...(new NativeParams(query) as unknown as { entries(): Iterable<Pair> }).entries()].map(([name, value]) => [
    name,
    value,
  ]);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** The pairs of a list of pairs or of an object's own properties. @throws TypeError */
function pairsOf(init: object): Pair[] {
  const iterable = init as Partial<Iterable<unknown>>;
  if (iterable[Symbol.iterator] === undefined) {
    return Object.entries(init).map(([name, value]) => [usv(name), usv(value)]);
  }
  return Array.from(iterable as Iterable<unknown>, (entry) => {
    const pair = isObject(entry) && Symbol.iterator in entry ? [...(entry as Iterable<unknown>)] : [];
    if (pair.length !== 2) throw new TypeError("URLSearchParams takes a list of pairs of a name and a value");
    return [usv(pair[0]), usv(pair[1])];
  });
}

/** Makes the parameters of a URL follow its query. */
let refresh: (params: GuestURLSearchParams, query: string) => void;
/** The parameters of a URL, which tell it when they change. */
let linked: (query: string, onChange: (query: string) => void) => GuestURLSearchParams;

class GuestURLSearchParams {
  #pairs: Pair[];
  #onChange: ((query: string) => void) | null = null;

  static {
    refresh = (params, query) => {
      params.#pairs = parsePairs(query);
    };
    linked = (query, onChange) => {
      const params = new GuestURLSearchParams(query);
      params.#onChange = onChange;
      return params;
    };
  }

  constructor(init: unknown = "") {
    this.#pairs = isObject(init) ? pairsOf(init) : parsePairs(usv(init));
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(...args: [name: unknown, value: unknown]): void {
    required(args.length, 2, "append");
    this.#pairs.push([usv(args[0]), usv(args[1])]);
    this.#changed();
  }

  delete(...args: [name: unknown, value?: unknown]): void {
    required(args.length, 1, "delete");
    const matches = matcher(args);
    this.#pairs = this.#pairs.filter((pair) => !matches(pair));
    this.#changed();
  }

  get(...args: [name: unknown]): string | null {
    required(args.length, 1, "get");
    return this.#pairs.find(matcher(args))?.[1] ?? null;
  }

  getAll(...args: [name: unknown]): string[] {
    required(args.length, 1, "getAll");
    return this.#pairs.filter(matcher(args)).map(([, value]) => value);
  }

  has(...args: [name: unknown, value?: unknown]): boolean {
    required(args.length, 1, "has");
    return this.#pairs.some(matcher(args));
  }

  set(...args: [name: unknown, value: unknown]): void {
    required(args.length, 2, "set");
    const [name, value] = [usv(args[0]), usv(args[1])];
    const first = this.#pairs.findIndex((pair) => pair[0] === name);
    if (first < 0) this.#pairs.push([name, value]);
    else {
      this.#pairs[first] = [name, value];
      this.#pairs = this.#pairs.filter((pair, at) => at <= first || pair[0] !== name);
    }
    this.#changed();
  }

  sort(): void {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }

  forEach(callback: (value: string, name: string, params: this) => void, thisArg?: unknown): void {
    if (typeof callback !== "function") throw new TypeError("forEach needs a function");
    for (const [name, value] of this.entries()) callback.call(thisArg, value, name, this);
  }

  *entries(): Generator<Pair, void> {
    // A loop by index sees what is added or removed meanwhile.
    for (let at = 0; at < this.#pairs.length; at++) {
      const [name, value] = this.#pairs[at]!;
      yield [name, value];
    }
  }

  *keys(): Generator<string, void> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string, void> {
    for (const [, value] of this.entries()) yield value;
  }

  toString(): string {
    const native = new NativeParams("");
    for (const [name, value] of this.#pairs) native.append(name, value);
    return native.toString();
  }

  #changed(): void {
    this.#onChange?.(this.toString());
  }
}

function matcher([name, value]: readonly [name: unknown, value?: unknown]): (pair: Pair) => boolean {
  const wanted = usv(name);
  const wantedValue = value === undefined ? undefined : usv(value);
  return ([own, ownValue]) => own === wanted && (wantedValue === undefined || ownValue === wantedValue);
}

const PARTS = ["protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"] as const;

class GuestURL {
  #url: InstanceType<typeof NativeUrl>;
  #params: GuestURLSearchParams | null = null;

  /** Reads and writes of the native URL behind one of these. */
  static part(url: GuestURL, name: (typeof PARTS)[number]): string {
    return url.#url[name];
  }

  static setPart(url: GuestURL, name: (typeof PARTS)[number], value: unknown): void {
    url.#url[name] = usv(value);
    if (name === "search") url.#follow();
  }

  /** @throws TypeError */
  constructor(...args: [url: unknown, base?: unknown]) {
    required(args.length, 1, "URL");
    const [url, base] = args;
    this.#url = base === undefined ? new NativeUrl(usv(url)) : new NativeUrl(usv(url), usv(base));
  }

  static canParse(...args: [url: unknown, base?: unknown]): boolean {
    required(args.length, 1, "URL.canParse");
    return GuestURL.parse(...args) !== null;
  }

  static parse(...args: [url: unknown, base?: unknown]): GuestURL | null {
    required(args.length, 1, "URL.parse");
    const texts = args.map((part) => (part === undefined ? undefined : usv(part))) as [string, string?];
    try {
      return new GuestURL(args[0] === undefined ? "undefined" : texts[0], texts[1]);
    } catch {
      return null;
    }
  }

  get href(): string {
    return this.#url.href;
  }

  set href(value: unknown) {
    this.#url = new NativeUrl(usv(value));
    this.#follow();
  }

  get origin(): string {
    return this.#url.origin;
  }

  get searchParams(): GuestURLSearchParams {
    this.#params ??= linked(this.#url.search, (query) => {
      this.#url.search = query;
    });
    return this.#params;
  }

  toString(): string {
    return this.#url.href;
  }

  toJSON(): string {
    return this.#url.href;
  }

  #follow(): void {
    if (this.#params) refresh(this.#params, this.#url.search);
  }
}

const { part, setPart } = GuestURL;
for (const name of PARTS) {
  Object.defineProperty(GuestURL.prototype, name, {
    get(this: GuestURL) {
      return part(this, name);
    },
    set(this: GuestURL, value: unknown) {
      setPart(this, name, value);
    },
    configurable: true,
  });
}
Reflect.deleteProperty(GuestURL, "part");
Reflect.deleteProperty(GuestURL, "setPart");
Object.defineProperty(GuestURLSearchParams.prototype, Symbol.iterator, {
  value: GuestURLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});

for (const [name, value] of Object.entries({ URL: GuestURL, URLSearchParams: GuestURLSearchParams })) {
  // Web IDL makes attributes and operations enumerable.
  for (const key of Object.getOwnPropertyNames(value.prototype)) {
    if (key !== "constructor") Object.defineProperty(value.prototype, key, { enumerable: true });
  }
  Object.defineProperty(value.prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(value, "name", { value: name, configurable: true });
  Object.defineProperty(value, "length", { value: name === "URL" ? 1 : 0, configurable: true });
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
