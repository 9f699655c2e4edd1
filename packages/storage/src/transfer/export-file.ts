import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isAspenError } from "@aspen/plugin-api/abi";
import { Hasher } from "../blobs/hash.js";
import { storageErrors } from "../errors.js";
import { throwIfCancelled } from "../maintenance/signal.js";
import {
  FORMAT_VERSION,
  HASH_BYTES,
  HEAD_BYTES,
  MAGIC,
  RECORD,
  RECORD_HEAD_BYTES,
  RECORD_LIMITS,
  TAIL_BYTES,
  u64,
} from "./export-format.js";

const READ_BYTES = 256 * 1024;

export type SectionName = "entries" | "blobs" | "namespaces";
const SECTIONS: readonly SectionName[] = ["entries", "blobs", "namespaces"];

const TYPES: Readonly<Record<SectionName, readonly number[]>> = {
  entries: [RECORD.entry],
  blobs: [RECORD.blob, RECORD.part, RECORD.reference],
  namespaces: [RECORD.namespace],
};

export interface ExportRecord {
  type: number;
  payload: Buffer;
}

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Told how many more bytes of the file were read. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** An export on the disk. It is open all the while, so that what is checked is what is read later. */
export class ExportFile implements AsyncDisposable {
  private constructor(
    private readonly handle: FileHandle,
    readonly size: number,
    /** BLAKE3 that the file says it has. */
    readonly checksum: string,
    private readonly ends: readonly number[],
  ) {}

  /** Reads head and tail. @throws AspenError `EXPORT_INVALID` */
  static async open(path: string): Promise<ExportFile> {
    const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
      throw storageErrors.invalid("file", `cannot be opened: ${error.message}`);
    });
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw storageErrors.invalid("file", `must be a regular file, which ${path} is not`);
      const head = await bytesAt(handle, 0, Math.min(HEAD_BYTES, stat.size));
      if (!head.subarray(0, MAGIC.length).equals(MAGIC))
        throw storageErrors.exportInvalid("it is no export of a store");
      if (stat.size < HEAD_BYTES + TAIL_BYTES) throw storageErrors.exportInvalid("it is cut short");
      const version = head.readUInt32LE(MAGIC.length);
      if (version !== FORMAT_VERSION) {
        throw storageErrors.exportInvalid(`its format is ${version}, and only ${FORMAT_VERSION} is known`);
      }
      const tail = await bytesAt(handle, stat.size - TAIL_BYTES, TAIL_BYTES);
      const ends = SECTIONS.map((_, at) => Number(tail.readBigUInt64LE(at * 8)));
      const all = [HEAD_BYTES, ...ends];
      const ordered = ends.every((end, at) => Number.isSafeInteger(end) && end > all[at]!);
      if (!ordered || ends.at(-1) !== stat.size - TAIL_BYTES)
        throw storageErrors.exportInvalid("it is cut short or damaged");
      return new ExportFile(handle, stat.size, tail.toString("hex", 24), ends);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Reads the whole file. @throws AspenError `EXPORT_INVALID` unless it has its checksum */
  async verifyChecksum({ signal, onBytes }: ReadOptions = {}): Promise<void> {
    const hasher = new Hasher();
    for await (const bytes of this.#bytes(0, this.size - HASH_BYTES)) {
      throwIfCancelled(signal, "reading the file");
      hasher.update(bytes);
      onBytes?.(bytes.length);
    }
    if (hasher.digestBytes().toString("hex") !== this.checksum) {
      throw storageErrors.exportInvalid("its checksum does not match its bytes: it was damaged");
    }
  }

  /** The records of a section; at its end their number is checked. @throws AspenError (from the loop) `EXPORT_INVALID` */
  async *records(section: SectionName, options: ReadOptions = {}): AsyncGenerator<ExportRecord> {
    let count = 0;
    let ended = false;
    for await (const record of this.#parse(section, options)) {
      if (ended) throw storageErrors.exportInvalid(`there is something after the end of its ${section}`);
      if (record.type !== RECORD.end) {
        if (!TYPES[section].includes(record.type)) {
          throw storageErrors.exportInvalid(`a record of type ${record.type} lies among its ${section}`);
        }
        count += 1;
        yield record;
        continue;
      }
      if (record.payload.length !== 8 || u64(record.payload, 0) !== count) {
        throw storageErrors.exportInvalid(`some of its ${section} are missing`);
      }
      ended = true;
    }
    if (!ended) throw storageErrors.exportInvalid(`its ${section} have no end`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }

  async *#parse(section: SectionName, options: ReadOptions): AsyncGenerator<ExportRecord> {
    let pending: Buffer = Buffer.alloc(0);
    for await (const bytes of this.#uncompressed(section, options)) {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      let at = 0;
      while (pending.length - at >= RECORD_HEAD_BYTES) {
        const type = pending[at]!;
        const length = pending.readUInt32LE(at + 1);
        if (length > (RECORD_LIMITS[type] ?? -1)) {
          throw storageErrors.exportInvalid(`a record of type ${type} with ${length} bytes is not allowed`);
        }
        const end = at + RECORD_HEAD_BYTES + length;
        if (pending.length < end) break;
        yield { type, payload: pending.subarray(at + RECORD_HEAD_BYTES, end) };
        at = end;
      }
      pending = pending.subarray(at);
    }
    if (pending.length > 0) throw storageErrors.exportInvalid(`its ${section} are cut short`);
  }

  async *#uncompressed(section: SectionName, { signal, onBytes }: ReadOptions): AsyncGenerator<Buffer> {
    const at = SECTIONS.indexOf(section);
    const start = at === 0 ? HEAD_BYTES : this.ends[at - 1]!;
    const source = Readable.from(told(this.#bytes(start, this.ends[at]!), onBytes));
    const gunzip = createGunzip({ chunkSize: READ_BYTES });
    source.on("error", (error) => gunzip.destroy(error));
    try {
      for await (const bytes of source.pipe(gunzip)) {
        throwIfCancelled(signal, "reading the file");
        yield bytes as Buffer;
      }
    } catch (error) {
      if (isAspenError(error)) throw error;
      throw storageErrors.exportInvalid(`its ${section} cannot be uncompressed`, error);
    } finally {
      source.destroy();
    }
  }

  /** By position, so that several may read from the one handle, which stays open. */
  async *#bytes(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const bytes = await bytesAt(this.handle, at, Math.min(READ_BYTES, end - at));
      if (bytes.length === 0) throw storageErrors.exportInvalid("it was cut short while it was read");
      yield bytes;
      at += bytes.length;
    }
  }
}

async function* told(source: AsyncIterable<Buffer>, onBytes: ReadOptions["onBytes"]): AsyncGenerator<Buffer> {
  for await (const bytes of source) {
    onBytes?.(bytes.length);
    yield bytes;
  }
}

async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
