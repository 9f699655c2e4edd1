import { loadPackage } from "../load-package.js";

/** @throws AspenError `PACKAGE_MISSING` */
export const loadIoredis = () => loadPackage("the Redis store", "npm install ioredis@6", () => import("ioredis"));
