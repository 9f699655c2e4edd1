import { claimCases } from "./cases/claim-cases.js";
import { controlCases } from "./cases/control-cases.js";
import { dependencyCases } from "./cases/dependency-cases.js";
import { endCases } from "./cases/end-cases.js";
import { eventCases } from "./cases/event-cases.js";
import { failureCases } from "./cases/failure-cases.js";
import { flowCases } from "./cases/flow-cases.js";
import { leaseCases } from "./cases/lease-cases.js";
import { submitCases } from "./cases/submit-cases.js";
import type { QueueCase } from "./queue-case.js";

/** What a queue promises, by what it is about. */
export const jobQueueCases: Readonly<Record<string, readonly QueueCase[]>> = {
  submit: submitCases,
  claim: claimCases,
  lease: leaseCases,
  failure: failureCases,
  dependencies: dependencyCases,
  flows: flowCases,
  events: eventCases,
  "ends that are told": endCases,
  "cancel, retry, remove, list": controlCases,
};
