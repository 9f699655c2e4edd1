const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"';

/**
 * Arguments of a shell that puts itself into groups and becomes `command`.
 *
 * @param before what the shell does first
 */
export function entering(groups: readonly string[], command: readonly string[], before = ""): string[] {
  return ["-c", before + ENTER, "sh", ...groups, "--", ...command];
}
