/** The conformance suite of the layers; for drivers of your own. @module */
export { leaseCases } from "./lease-cases.js";
export { rateLimitCases } from "./rate-limit-cases.js";
export { testLayers } from "./test-layers.js";
