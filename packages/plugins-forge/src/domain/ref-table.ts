import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import type { ForgeOp, ForgeStore } from "./forge-store.js";
import { refsKey } from "./keys.js";
import type { ChunkRecord, RootRecord } from "./root.js";

/** Most refs of a chunk. With names of the largest size it is far below the largest value of a store. */
const CHUNK_REFS = 256;

interface Chunk {
  /** Null when it is not stored as it is now. */
  id: string | null;
  refs: [name: string, id: string][];
}

/** The refs of a repository at one moment, in chunks, of which a change writes only those that it touches. */
export class RefTable {
  readonly #dropped: string[] = [];

  private constructor(
    private readonly repository: string,
    private readonly chunks: Chunk[],
  ) {}

  /** Null when a chunk is not there any more: the root was replaced meanwhile. */
  static async read(
    store: Pick<ForgeStore, "getMany">,
    repository: string,
    { chunks }: RootRecord,
  ): Promise<RefTable | null> {
    const values = chunks.length === 0 ? [] : await store.getMany(chunks.map(({ id }) => refsKey(repository, id)));
    if (values.some((value) => value === null)) return null;
    const read = values.map((entry, at): Chunk => ({ id: chunks[at]!.id, refs: parse(entry!.value) }));
    return new RefTable(repository, read);
  }

  get size(): number {
    return this.chunks.reduce((sum, { refs }) => sum + refs.length, 0);
  }

  /** In the order of their names. */
  *entries(): Iterable<[name: string, id: string]> {
    for (const { refs } of this.chunks) yield* refs;
  }

  /** The id that a ref has; undefined when there is none. */
  get(name: string): string | undefined {
    const { refs } = this.chunks[this.#chunkOf(name)] ?? { refs: [] };
    const at = placeIn(refs, name);
    return refs[at]?.[0] === name ? refs[at]![1] : undefined;
  }

  /** The first ref that stands in the way of a new one: a file and a directory cannot have one name. */
  obstacleTo(name: string): string | undefined {
    for (let slash = name.lastIndexOf("/"); slash > 0; slash = name.lastIndexOf("/", slash - 1)) {
      const above = name.slice(0, slash);
      if (this.get(above) !== undefined) return above;
    }
    const below = `${name}/`;
    const next = this.#from(below);
    return next?.startsWith(below) ? next : undefined;
  }

  set(name: string, id: string): void {
    if (this.chunks.length === 0) this.chunks.push({ id: null, refs: [] });
    const index = this.#chunkOf(name);
    const chunk = this.#touch(index);
    const at = placeIn(chunk.refs, name);
    chunk.refs.splice(at, chunk.refs[at]?.[0] === name ? 1 : 0, [name, id]);
    if (chunk.refs.length <= CHUNK_REFS) return;
    // Names mostly come in their order; a chunk that is cut in the middle would stay half full.
    const half = at === chunk.refs.length - 1 ? chunk.refs.length - 1 : chunk.refs.length >> 1;
    this.chunks.splice(index + 1, 0, { id: null, refs: chunk.refs.splice(half) });
  }

  delete(name: string): void {
    if (this.get(name) === undefined) return;
    const index = this.#chunkOf(name);
    const chunk = this.#touch(index);
    const at = placeIn(chunk.refs, name);
    if (chunk.refs[at]?.[0] === name) chunk.refs.splice(at, 1);
    if (chunk.refs.length === 0) this.chunks.splice(index, 1);
  }

  /** What stores the changes as generation `gen`: the root's list of chunks, and the operations. */
  commit(gen: number): { chunks: ChunkRecord[]; ops: ForgeOp[] } {
    const ops: ForgeOp[] = this.#dropped.map((id) => ({ type: "delete", key: refsKey(this.repository, id) }));
    const chunks = this.chunks.map((chunk, at): ChunkRecord => {
      if (chunk.id === null) {
        chunk.id = `${gen}-${at}`;
        ops.push({ type: "put", key: refsKey(this.repository, chunk.id), value: format(chunk.refs) });
      }
      return { id: chunk.id, first: chunk.refs[0]![0], count: chunk.refs.length };
    });
    return { chunks, ops };
  }

  #touch(index: number): Chunk {
    const chunk = this.chunks[index]!;
    if (chunk.id !== null) this.#dropped.push(chunk.id);
    chunk.id = null;
    return chunk;
  }

  /** The last chunk that does not begin behind the name; the first one for a name before all. */
  #chunkOf(name: string): number {
    let low = 0;
    let high = this.chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.chunks[middle]!.refs[0]![0] <= name) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The first name that is not before `name`. */
  #from(name: string): string | undefined {
    const index = this.#chunkOf(name);
    const { refs } = this.chunks[index] ?? { refs: [] };
    return (refs[placeIn(refs, name)] ?? this.chunks[index + 1]?.refs[0])?.[0];
  }
}

/** Where a name is, or would be. */
function placeIn(refs: readonly [string, string][], name: string): number {
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (refs[middle]![0] < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A line for each ref: its id, a space, its name. */
function format(refs: readonly [string, string][]): Uint8Array {
  return encodeUtf8(refs.map(([name, id]) => `${id} ${name}\n`).join(""));
}

function parse(value: Uint8Array): [string, string][] {
  const lines = decodeUtf8(value).split("\n");
  lines.pop();
  return lines.map((line) => [line.slice(41), line.slice(0, 40)]);
}
