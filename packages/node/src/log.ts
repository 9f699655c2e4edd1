import { type DestinationStream, type Logger, pino } from "pino";
import { LogStream, openStderr } from "./log-stream.js";

const base = { pid: process.pid };
let stderr: LogStream | null = null;

/** JSON lines on stderr, which never wait for who reads them; stdout belongs to whoever started the node. */
export function createLog(level: string, stream: DestinationStream = stderrStream()): Logger {
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** The one of this process, which writes its last lines at the exit. */
function stderrStream(): LogStream {
  if (stderr) return stderr;
  const stream = new LogStream(openStderr(), (dropped) => {
    const msg = `${dropped} lines of the log were dropped, because it is read too slowly`;
    return `${JSON.stringify({ level: pino.levels.values.warn, time: new Date().toISOString(), ...base, dropped, msg })}\n`;
  });
  process.on("exit", () => stream.flushAtExit());
  stderr = stream;
  return stream;
}
