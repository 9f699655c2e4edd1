import { once } from "node:events";
import { request } from "node:http";
import { Session } from "node:inspector/promises";
import { text } from "node:stream/consumers";

/** The body of an answer of 200. Not by `fetch`: Node would load its client, which no server needs. */
export async function asked(url, method = "GET") {
  const sent = request(url, { method }).end();
  const [answer] = await once(sent, "response");
  const body = await text(answer);
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${body}`);
  return body;
}

/** How many files the process has loaded as JavaScript; what Node brings along is none. */
export async function loadedFiles() {
  const session = new Session();
  session.connect();
  let files = 0;
  session.on("Debugger.scriptParsed", ({ params }) => {
    if (params.url.startsWith("file:") || params.url.startsWith("/")) files += 1;
  });
  await session.post("Debugger.enable");
  session.disconnect();
  return files;
}

/** Says what the process has come to, and what processor time that took in milliseconds. */
export function tell(what) {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${what} ${(user + system) / 1000}\n`);
}

/** Says that the process has answered, and waits until it is told to end. */
export async function ready(stop = async () => {}) {
  tell("answered");
  for await (const line of process.stdin.setEncoding("utf8")) {
    if (line.startsWith("files")) process.stdout.write(`${await loadedFiles()}\n`);
  }
  await stop();
}
