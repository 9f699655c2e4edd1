import type { Author } from "./author.js";
import type { RefCommand } from "./policy.js";
import type { PackRecord } from "./root.js";

/** A push whose objects have been looked at, to be made. */
export interface PushRequest {
  /** Id of the repository. */
  readonly repository: string;
  readonly author: Author;
  readonly commands: readonly RefCommand[];
  /** All of the commands, or none. */
  readonly atomic: boolean;
  /** The stored pack, whose staging record is still there; null when there are no new objects. */
  readonly pack: PackRecord | null;
  /** `pruned` of the root for which all objects of the commands were found. */
  readonly pruned: number;
  isFastForward(command: RefCommand): boolean;
  /** Commits that a command brings, for its event. */
  commitsOf(command: RefCommand): readonly object[];
  /** Where people reach the repository. */
  readonly url: string;
}
