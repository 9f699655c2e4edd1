import { dirname, join, relative, resolve, sep } from "node:path";
import { PACKAGE_ROOT } from "../template/template-file.js";

/**
 * A name of a source file that does not show where the plugin was built: relative to the plugin's folder, or from
 * `node_modules` on.
 */
export function portablePath(path: string, directory: string): string {
  const absolute = resolve(directory, path);
  const installed = absolute.lastIndexOf(`node_modules${sep}`);
  if (installed >= 0) return posix(absolute.slice(installed));
  const fromPlugin = relative(directory, absolute);
  if (!fromPlugin.startsWith("..")) return posix(fromPlugin);
  // In the SDK's own repository, its files are at the end of a link in node_modules.
  const fromSdk = relative(dirname(PACKAGE_ROOT), absolute);
  return posix(fromSdk.startsWith("..") ? fromPlugin : join("node_modules", "@aspen", fromSdk));
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
