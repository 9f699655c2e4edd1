/** The conformance suite of the layers; for drivers of your own. @module */
export { cursorCases } from "./cursor-cases.js";
export { eventLogCases } from "./event-log-cases.js";
export { eventTrimmerCases } from "./event-trimmer-cases.js";
export { leaseCases } from "./lease-cases.js";
export { membershipCases } from "./membership-cases.js";
export { rateLimitCases } from "./rate-limit-cases.js";
export { testLayers } from "./test-layers.js";
export { timerCases } from "./timer-cases.js";
