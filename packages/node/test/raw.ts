import { createConnection, type Socket } from "node:net";

export interface RawAnswer {
  status: number;
  header(name: string): string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
  body: any;
}

export interface RawConnection {
  socket: Socket;
  /** All that has come until the node ends the connection. */
  ended: Promise<string>;
}

/** A connection on which a test writes what it likes. Both ends are half-open until the test or the node ends them. */
export async function connect(url: string, text = ""): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname.replace(/^\[|\]$/g, ""));
  let received = "";
  const ended = new Promise<string>((resolve, reject) => {
    socket.on("data", (chunk) => {
      received += String(chunk);
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(received));
  });
  ended.catch(() => {});
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  if (text !== "") socket.write(text);
  return { socket, ended };
}

/** Every answer in a text, in order. */
export function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest.startsWith("HTTP/"); ) {
    const end = rest.indexOf("\r\n\r\n");
    const head = rest.slice(0, end);
    const header = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim();
    const length = Number(header("content-length") ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    answers.push({
      status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
      header,
      body: body === "" ? undefined : JSON.parse(body),
    });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

/** Sends text as it is, waits until the node ends the connection, and gives its only answer. */
export async function raw(url: string, text: string): Promise<RawAnswer> {
  const { ended } = await connect(url, text);
  const answers = answersIn(await ended);
  expect(answers).toHaveLength(1);
  return answers[0]!;
}

/** What every error has in common. */
export function expectErrorShape(answer: RawAnswer, status: number, code: string): void {
  expect({ status: answer.status, type: answer.header("content-type"), code: answer.body?.error?.code }).toEqual({
    status,
    type: "application/json; charset=utf-8",
    code,
  });
  expect(answer.body.error).toEqual({
    code,
    message: expect.any(String),
    details: expect.any(Object),
    requestId: answer.header("x-request-id"),
  });
  expect(answer.header("x-request-id")).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
}
