import { AttachmentReader, findHostFunction, type HostFunctionName, LIMITS } from "@aspen/plugin-api/abi";
import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";
import { envelopeArg, jsonArg, stringArg } from "./parameters.js";
import { stateOf } from "./plugin-call.js";

interface Submitted {
  name: HostFunctionName;
  args: (Uint8Array | null)[];
}

export const callSubmit = defineHostFunction<Submitted>({
  prepare(_scope, args) {
    const name = stringArg(args, 0, "function");
    const spec = findHostFunction(name);
    if (!spec?.overlaps) throw hostErrors.invalidArgument("function", "is no host function that overlaps");
    const { header, attachments } = envelopeArg(args, 1, "arguments");
    const { lengths } = header;
    if (!Array.isArray(lengths) || lengths.length > spec.parameters.length) {
      throw hostErrors.invalidArgument("lengths", "must be a list of as many lengths as there are parameters");
    }
    const reader = new AttachmentReader(attachments);
    const given = lengths.map((length) => (length === null ? null : reader.next(length as number)));
    return { name: spec.name as HostFunctionName, args: given };
  },
  async run({ invoke }, { name, args }, _scope, call) {
    // Its errors are results of `call_wait`, as those of its kind are of it.
    return stateOf(call, "call_submit").submit(() => invoke(name, args, call));
  },
});

export const callWait = defineHostFunction<number[]>({
  prepare(_scope, args) {
    const tickets = jsonArg(args, 0, "tickets");
    if (!Array.isArray(tickets) || tickets.length === 0 || tickets.length > LIMITS.ticketsPerCall) {
      throw hostErrors.invalidArgument("tickets", `must be a list of 1 to ${LIMITS.ticketsPerCall} tickets`);
    }
    if (!tickets.every((ticket) => Number.isSafeInteger(ticket))) throw hostErrors.handleUnknown("ticket", NaN);
    return tickets as number[];
  },
  run: (_services, tickets, _scope, call) => stateOf(call, "call_wait").wait(tickets),
});
