import { storageErrors } from "../errors.js";

/**
 * Loads a package that only one driver needs and that the driver's users install themselves. It is loaded on demand, so
 * threads and programs that use another driver do not pay for it.
 *
 * @throws AspenError `PACKAGE_MISSING`, saying what to install
 */
export async function loadPackage<T>(driver: string, install: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    throw storageErrors.packageMissing(driver, install, error);
  }
}
