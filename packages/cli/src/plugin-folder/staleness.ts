/**
 * True when `dist` of a plugin's folder is not what a build would write there now. It is compared by content:
 * times say nothing of a file that is moved here, linked or imported from elsewhere.
 *
 * @throws AspenError `BUILD_FAILED`, `MANIFEST_INVALID` when the sources cannot be bundled
 */
export async function isStale(directory: string): Promise<boolean> {
  const { isBuildCurrent } = await import("@aspen/guest-sdk/compiler");
  return !(await isBuildCurrent({ directory }));
}
