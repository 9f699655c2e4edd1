import { once } from "node:events";
import { access, lstat, mkdir, rename, stat, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { type RequestOptions, request as requestTls } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Certificate, certificate, pemFiles } from "./certificates.js";
import { NodeProcess } from "./child.js";
import { connect } from "./raw.js";
import { startNode, temporaryDirectory } from "./support.js";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory.remove());

/** Status and body of `node.info`. */
function info(options: RequestOptions, send = request): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = send({ method: "POST", path: "/rpc/node.info", agent: false, ...options }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("listen.socket", () => {
  const at = () => join(directory.path, "aspen.sock");
  const start = () => startNode(join(directory.path, "data"), { listen: { port: 0, socket: at() } });

  it("is a way in beside TCP, for the user of the node alone, and goes with the node", async () => {
    const node = await start();
    try {
      expect((await stat(at())).mode & 0o777).toBe(0o600);
      expect(await info({ socketPath: at() })).toMatchObject({ status: 200 });
      expect((await fetch(`${node.url}/rpc/node.info`, { method: "POST" })).status).toBe(200);
      // A page of another site never gets here, but a proxy that passes its requests on must not be one for it.
      expect(await info({ socketPath: at(), headers: { origin: "https://elsewhere.example" } })).toMatchObject({
        status: 403,
      });
    } finally {
      await node[Symbol.asyncDispose]();
    }
    await expect(access(at())).rejects.toThrow(/ENOENT/);
  });

  it("replaces the socket of a node that was killed, and no other thing", async () => {
    await using killed = NodeProcess.start({
      dataDir: join(directory.path, "other"),
      listen: { port: 0, socket: at() },
    });
    await killed.said("url");
    await expect(start()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("somebody listens there already"),
    });
    killed.signal("SIGKILL");
    await killed.ended;
    expect((await lstat(at())).isSocket()).toBe(true);
    const node = await start();
    expect(await info({ socketPath: at() })).toMatchObject({ status: 200 });
    await node[Symbol.asyncDispose]();
    await writeFile(at(), "mine");
    await expect(start()).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field: "listen.socket" } });
    expect((await lstat(at())).isFile()).toBe(true);
  });

  it("is left alone when somebody else has taken its path meanwhile", async () => {
    const node = await start();
    await rename(at(), `${at()}.moved`);
    const other = createServer().listen(at());
    await once(other, "listening");
    await node[Symbol.asyncDispose]();
    expect((await lstat(at())).isSocket()).toBe(true);
    other.close();
  });

  it("has to fit into the address of a socket, in a folder that is there", async () => {
    const long = join(directory.path, "x".repeat(100));
    const starting = startNode(join(directory.path, "data"), { listen: { port: 0, socket: long } });
    await expect(starting).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field: "listen.socket" } });
    const missing = join(directory.path, "no", "s");
    const other = startNode(join(directory.path, "data"), { listen: { port: 0, socket: missing } });
    await expect(other).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field: "listen.socket" } });
  });
});

describe("listen.tls", () => {
  let ca: Certificate;
  let server: Certificate;

  beforeAll(async () => {
    ca = await certificate("the authority");
    server = await certificate("the node", ca);
  });

  const pem = (more: Record<string, string> = {}) =>
    pemFiles(directory.path, { cert: server.cert, key: server.private, ...more });
  const start = (tls: object) =>
    startNode(join(directory.path, "data"), { listen: { port: 0, tls: tls as { cert: string; key: string } } });
  const ask = (url: string, more: RequestOptions = {}) =>
    info({ host: "127.0.0.1", port: new URL(url).port, ca: ca.cert, ...more }, requestTls);

  it("answers over TLS 1.2 and later, and nothing in plain text", async () => {
    const node = await start(await pem());
    try {
      expect(node.url).toMatch(/^https:/);
      expect(await ask(node.url)).toMatchObject({ status: 200 });
      expect(await ask(node.url, { maxVersion: "TLSv1.2" })).toMatchObject({ status: 200 });
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      await expect(ask(node.url, old)).rejects.toThrow(/protocol version|EPROTO|ECONNRESET/);
      await expect(ask(node.url, { ca: [] })).rejects.toThrow(/certificate/);
      const { ended } = await connect(node.url, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
      expect(await ended.catch(() => "")).not.toContain("HTTP/");
      const same = await ask(node.url, { headers: { origin: `https://127.0.0.1:${new URL(node.url).port}` } });
      expect(same.status).toBe(200);
    } finally {
      await node[Symbol.asyncDispose]();
    }
  });

  it("with clientAuth lets those in who have a certificate of ca", async () => {
    const { ca: authority, ...files } = await pem({ ca: ca.cert });
    const node = await start({ ...files, ca: authority, clientAuth: "require" });
    try {
      const client = await certificate("a client", ca);
      const foreign = await certificate("a client", await certificate("another authority"));
      expect(await ask(node.url, { cert: client.cert, key: client.private })).toMatchObject({ status: 200 });
      await expect(ask(node.url)).rejects.toThrow();
      await expect(ask(node.url, { cert: foreign.cert, key: foreign.private })).rejects.toThrow();
      expect(await ask(node.url, { cert: client.cert, key: client.private })).toMatchObject({ status: 200 });
    } finally {
      await node[Symbol.asyncDispose]();
    }
  });

  it("follows the files, also where they are replaced by links, and keeps what it has while they do not fit", async () => {
    const live = join(directory.path, "live");
    const folders = [join(directory.path, "one"), join(directory.path, "two")];
    const next = await certificate("the next", ca);
    for (const [at, one] of [server, next].entries()) {
      await mkdir(folders[at]!);
      await pemFiles(folders[at]!, { cert: one.cert, key: one.private });
    }
    await symlink(folders[0]!, live);
    const node = await start({ cert: join(live, "cert.pem"), key: join(live, "key.pem") });
    const subject = async () => {
      const { port } = new URL(node.url);
      const socket: TLSSocket = connectTls({ host: "127.0.0.1", port: Number(port), ca: ca.cert });
      await once(socket, "secureConnect");
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    try {
      expect(await subject()).toBe("the node");
      await writeFile(join(folders[0]!, "key.pem"), "no key");
      await symlink(folders[1]!, `${live}.new`);
      await rename(`${live}.new`, live);
      while ((await subject()) !== "the next") await delay(100);
    } finally {
      await node[Symbol.asyncDispose]();
    }
  }, 60_000);

  it("names the file that cannot be used", async () => {
    const files = await pem({ other: (await certificate("another", ca)).private });
    const refused = (tls: object, field: string) =>
      expect(start(tls)).rejects.toMatchObject({ code: "CONFIG_INVALID", details: { field } });
    await refused({ ...{ cert: files.cert, key: files.key }, ca: join(directory.path, "none") }, "listen.tls.ca");
    await refused({ cert: files.cert, key: files.other }, "listen.tls");
    await refused({ cert: files.cert, key: files.key, clientAuth: "require" }, "listen.tls.ca");
  });

  it("does not let a client that never ends its handshake hold up a stop", async () => {
    const node = await start(await pem());
    const { ended } = await connect(node.url);
    await node[Symbol.asyncDispose]();
    await ended.catch(() => undefined);
  });
});
