/** What a program that registers itself, or looks for others, uses of a node. @module */
export { isAspenError } from "@aspen/plugin-api/abi";
