import { storageErrors } from "../errors.js";

/**
 * Loads a package that only one driver needs, which its users install themselves. It is loaded when it is needed: neither
 * threads nor programs that use another driver pay for it.
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
