import { type DestinationStream, destination, type Logger, pino } from "pino";

/** JSON lines on stderr; stdout belongs to whoever started the node. */
export function createLog(level: string, stream: DestinationStream = destination({ dest: 2, sync: true })): Logger {
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
