export type HttpHeadersInit =
  | Readonly<Record<string, string>>
  | Iterable<readonly [name: string, value: string]>
  | HttpHeaders;

/** Headers by name in any case, as `Headers` of the Fetch standard; the names are given in lower case. */
export class HttpHeaders implements Iterable<[name: string, value: string]> {
  readonly #list: [string, string][];

  constructor(init: HttpHeadersInit = []) {
    const entries = Symbol.iterator in init ? [...(init as Iterable<readonly [string, string]>)] : Object.entries(init);
    this.#list = entries.map(([name, value]) => [String(name).toLowerCase(), String(value)]);
  }

  /** The value; those of a header that is there several times, joined by a comma. Null when it is not there. */
  get(name: string): string | null {
    const values = this.#of(name);
    return values.length === 0 ? null : values.join(", ");
  }

  /** Each `set-cookie` for itself, as their values hold commas. */
  getSetCookie(): string[] {
    return this.#of("set-cookie");
  }

  has(name: string): boolean {
    return this.#of(name).length > 0;
  }

  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (const [name, value] of this.#list) yield [name, value];
  }

  #of(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.#list.filter(([one]) => one === wanted).map(([, value]) => value);
  }
}
