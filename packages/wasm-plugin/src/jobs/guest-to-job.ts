import type { JobContext } from "@aspen/jobs";
import type { GuestLogRecord } from "@aspen/plugin-host";

/** Keeps a guest's records with its job. One with a number `progress` among its fields, 0 to 100, also says how far it is. */
export function guestToJob({ log, progress }: Pick<JobContext, "log" | "progress">): (record: GuestLogRecord) => void {
  return ({ level, message, fields = {} }) => {
    const { progress: percent, ...rest } = fields;
    if (typeof percent !== "number") log[level](fields, message);
    else {
      progress({ percent, message });
      if (Object.keys(rest).length > 0 || message !== "") log[level](rest, message);
    }
  };
}
