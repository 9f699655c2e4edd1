import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Folders at the root that are links into /usr on most systems. */
const ROOT_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** Of /etc, only what programs need and everybody may know: the rest can hold keys that the node's user may read. */
const ETC = [
  ...["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "os-release"],
  ...["protocols", "services", "mime.types", "magic", "passwd", "group", "ca-certificates.conf"],
  ...["ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted"],
];
/** What names of machines are looked up with. */
const ETC_NETWORK = ["resolv.conf", "hosts", "host.conf", "gai.conf"];

/** Arguments of bubblewrap that show a job the programs of this machine, and nothing that it could write. */
export async function systemView(readOnlyPaths: readonly string[]): Promise<string[]> {
  const view = ["--ro-bind", "/usr", "/usr"];
  for (const name of ROOT_FOLDERS) {
    const path = join("/", name);
    const stat = await lstat(path).catch(() => null);
    if (stat?.isSymbolicLink()) view.push("--symlink", await readlink(path), path);
    else if (stat?.isDirectory()) view.push("--ro-bind", path, path);
  }
  view.push(...bound(ETC.map((name) => join("/etc", name))));
  for (const path of readOnlyPaths) view.push("--ro-bind", path, path);
  return view;
}

export function networkView(): string[] {
  return ["--share-net", ...bound(ETC_NETWORK.map((name) => join("/etc", name)))];
}

function bound(paths: readonly string[]): string[] {
  return paths.flatMap((path) => ["--ro-bind-try", path, path]);
}
