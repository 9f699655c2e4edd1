/**
 * Makes a root of its own and runs the rest of its arguments there: the system's programs read-only, the store, the job's
 * folder, a few devices, and its own processes. What evaluates a stranger's expression can read nothing else.
 *
 * A mount that cannot be made ends it.
 */
const SCRIPT = `set -e
store=$1 job=$2 source=$3 network=$4 bytes=$5
shift 5
mount -t tmpfs -o mode=755,size="$bytes" tmpfs /mnt
cd /mnt
mkdir usr proc dev dev/pts dev/shm etc tmp store job source old
for name in bin sbin lib lib64 lib32; do
  if [ -L /$name ]; then cp -P /$name $name
  elif [ -d /$name ]; then mkdir $name; mount --rbind -o ro /$name $name
  fi
done
mount --rbind /usr usr
mount -o remount,bind,ro usr
if [ -d /nix/store ]; then mkdir -p nix/store; mount --rbind /nix/store nix/store; mount -o remount,bind,ro nix/store; fi
mount -t proc proc proc
for name in full null random urandom zero tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --bind "$store" store
mount --bind "$job" job
if [ -n "$source" ]; then mount --bind "$source" source; mount -o remount,bind,ro source; fi
if [ -n "$network" ]; then
  for name in resolv.conf hosts nsswitch.conf; do
    if [ -f /etc/$name ]; then : > etc/$name; mount --bind /etc/$name etc/$name; fi
  done
  if [ -d /etc/ssl ]; then mkdir etc/ssl; mount --rbind /etc/ssl etc/ssl; fi
fi
pivot_root . old
umount -i -n -l /old
rmdir /old
cd /job
exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"`;

export interface NamespaceOptions {
  /** Folder of the store. */
  readonly store: string;
  /** Folder that the job may write to; `/job` inside. */
  readonly job: string;
  /** Folder that it may read; `/source` inside. */
  readonly source?: string | undefined;
  readonly network: boolean;
  /** Bytes of what builds keep outside of the store, in memory. */
  readonly tmpBytes: number;
  /** The node is root: who runs nix in its place. Null: it is not. */
  readonly user: number | null;
}

/**
 * The command line that runs `command` in namespaces of its own. All of its processes end with it, and it ends with the
 * thread that starts it: start it from the main thread.
 */
export function inNamespace(command: readonly string[], options: NamespaceOptions): string[] {
  const { store, job, source = "", network, tmpBytes, user } = options;
  const as = user === null ? [] : [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const spaces = ["--user", "--map-current-user", "--keep-caps", "--ipc", "--uts", "--pid", "--mount", "--fork"];
  const more = [...(network ? [] : ["--net"]), "--kill-child", "--propagation", "private"];
  const parts = [store, job, source, network ? "1" : "", String(tmpBytes)];
  const own = ["setpriv", ...as, "--pdeathsig", "KILL", "--", "unshare", ...spaces, ...more, "--"];
  return [...own, "sh", "-c", SCRIPT, "sh", ...parts, ...command];
}
