// For packages that compile this one from source.
/// <reference path="./fs-native-extensions.d.ts" />
import { loadPackage } from "../load-package.js";

const load = <T>(from: () => Promise<T>) =>
  loadPackage("the embedded store", "npm install lmdb@3 fs-native-extensions@1", from);

/** @throws AspenError `PACKAGE_MISSING` */
export const loadLmdb = () => load(() => import("lmdb"));

/** @throws AspenError `PACKAGE_MISSING` */
export const loadFileLocks = () => load(() => import("fs-native-extensions"));
