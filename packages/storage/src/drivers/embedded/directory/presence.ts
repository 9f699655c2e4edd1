import { storageErrors } from "../../../errors.js";
import { type Identity, identityAt, isSame } from "./identity.js";

/** Milliseconds after which {@link Presence.assertLately} looks again. */
const LATELY_MS = 250;

/**
 * Whether the files that are open are still those of the directory. Without them, because somebody removed, moved or
 * replaced it or its volume is gone, LMDB would go on in files that nobody can open any more.
 */
export class Presence {
  readonly #files: readonly { path: string; identity: Identity }[];
  #lookedAt = performance.now();
  /** True between the first look in a turn and the end of those that were told of it. */
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
   * Looks now; once for all that are told in the same turn that a commit is done.
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
    // When it throws, the next one looks as well: what was moved away may come back.
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
