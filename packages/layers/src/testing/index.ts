/** The conformance suite of the layers; for drivers of your own. @module */
export { leaseCases } from "./lease-cases.js";
export { membershipCases } from "./membership-cases.js";
export { testLayers } from "./test-layers.js";
