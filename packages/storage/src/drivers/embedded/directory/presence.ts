import { storageErrors } from "../../../errors.js";
import { type Identity, identityAt, isSame } from "./identity.js";

/** Milliseconds after which {@link Presence.assertLately} looks again. */
const LATELY_MS = 250;

/**
 * Whether the open files are still those of the directory. When somebody removes, moves or replaces the directory, or its
 * volume is gone, LMDB would go on in files that nobody can open any more.
 */
export class Presence {
  readonly #files: readonly { path: string; identity: Identity }[];
  #lookedAt = performance.now();
  /** True from the first look in a turn until the callers in the same turn have been told. */
  #fresh = false;

  constructor(
    private readonly directory: string,
    paths: readonly string[],
  ) {
    this.#files = paths.map((path) => {
      const identity = identityAt(path);
      if (!identity) throw storageErrors.directoryGone(directory, path);
      return { path, identity };
    });
  }

  /**
   * Looks now; once for all writes that learn in the same turn that their commit is done.
   * @throws AspenError `STORE_UNAVAILABLE`
   */
  assert(): void {
    if (this.#fresh) return;
    this.#look();
    this.#fresh = true;
    queueMicrotask(() => {
      this.#fresh = false;
    });
  }

  /**
   * As {@link assert}, unless it looked {@link LATELY_MS} ago or less: a read takes less time than a look.
   * @throws AspenError `STORE_UNAVAILABLE`
   */
  assertLately(): void {
    if (performance.now() - this.#lookedAt > LATELY_MS) this.#look();
  }

  /** Looks now; false also when that fails. */
  isThere(): boolean {
    try {
      this.#look();
      return true;
    } catch {
      return false;
    }
  }

  #look(): void {
    // When this throws, the next call looks, too: a moved directory may come back.
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    for (const { path, identity } of this.#files) {
      if (!isSame(identity, this.#identityAt(path))) throw storageErrors.directoryGone(this.directory, path);
    }
    this.#lookedAt = performance.now();
  }

  #identityAt(path: string): Identity | null {
    try {
      return identityAt(path);
    } catch (error) {
      throw storageErrors.directoryGone(this.directory, path, error);
    }
  }
}
