import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { aspen, type RunningNode, startNode } from "./support.js";

let folder: string;
let node: RunningNode;
let socket: string;
/** Paths of PEM files, by what they are. */
const pem: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aspen-secure-"));
  socket = join(folder, "n.sock");
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const ca = await generate([{ name: "commonName", value: "authority" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true },
    ],
  });
  const signed = (name: string) =>
    generate([{ name: "commonName", value: name }], {
      ...common,
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
      ca: { key: ca.private, cert: ca.cert },
    });
  const [server, client] = [await signed("server"), await signed("client")];
  const files = {
    ca: ca.cert,
    ...{ cert: server.cert, key: server.private },
    ...{ clientCert: client.cert, clientKey: client.private },
  };
  for (const [name, text] of Object.entries(files)) {
    pem[name] = join(folder, `${name}.pem`);
    await writeFile(pem[name], text);
  }
  const tls = ["--tls-cert", pem.cert!, "--tls-key", pem.key!];
  // One of the values by the environment, as all could be.
  node = await startNode([...tls, "--socket", socket, "--data-dir", join(folder, "data")], {
    env: { ASPEN_TLS_CLIENT_CA: pem.ca! },
  });
});

afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(folder, { recursive: true, force: true });
});

const bySocket = () => ({ ASPEN_NODE: `unix:${socket}` });
const byTls = () => ({
  ASPEN_NODE: node.url,
  ASPEN_CA: pem.ca!,
  ASPEN_CLIENT_CERT: pem.clientCert!,
  ASPEN_CLIENT_KEY: pem.clientKey!,
});

describe.each([
  ["a socket", bySocket],
  ["TLS with certificates of both", byTls],
])("over %s", (_name, env) => {
  it("methods are called, `top` looks, and `doctor` finds the node", async () => {
    expect(await aspen(["kv", "put", "a", "1"], { env: env() })).toMatchObject({ code: 0, stderr: "" });
    expect(await aspen(["kv", "get", "a"], { env: env() })).toMatchObject({ code: 0, stdout: "1\n", stderr: "" });
    const top = await aspen(["top", "--once", "--json", "--interval", "1"], { env: env() });
    expect(top).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(top.stdout)).toMatchObject({ requests: expect.anything() });
    const doctor = await aspen(["doctor", "--json", "--data-dir", join(folder, "data")], { env: env() });
    const { findings } = JSON.parse(doctor.stdout) as { findings: { check: string; state: string; message: string }[] };
    expect(findings.find(({ check }) => check === "node")).toMatchObject({
      state: "ok",
      message: expect.stringContaining(`${env().ASPEN_NODE}`),
    });
  });
});

it("a file names the socket and the certificates, and `doctor` finds the node by them", async () => {
  const listen = { socket, tls: { cert: pem.cert, key: pem.key, ca: pem.ca } };
  await writeFile(join(folder, "aspen.config.json"), JSON.stringify({ listen, dataDir: join(folder, "data") }));
  const printed = await aspen(["config", "print", "--json"], { cwd: folder, env: { ASPEN_SOCKET: `${socket}.other` } });
  expect(printed).toMatchObject({ code: 0 });
  expect(printed.stdout).toContain(`${socket}.other`);
  expect(printed.stdout).toContain(pem.cert);
  const doctor = await aspen(["doctor", "--json"], { cwd: folder });
  expect(doctor.stdout).toContain(`unix:${socket} answers`);
});

it("what is missing is named", async () => {
  const untrusted = await aspen(["kv", "get", "a"], { env: { ASPEN_NODE: node.url } });
  expect(untrusted.code).not.toBe(0);
  expect(untrusted.stderr).toContain("--ca FILE");
  const { ASPEN_CLIENT_KEY: _key, ...half } = byTls();
  expect(await aspen(["kv", "get", "a"], { env: half })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--client-cert and --client-key go together"),
  });
  const { ASPEN_CLIENT_CERT: _cert, ...none } = half;
  expect((await aspen(["kv", "get", "a"], { env: none })).code).not.toBe(0);
  expect(await aspen(["kv", "get", "a"], { env: { ...byTls(), ASPEN_CA: join(folder, "no.pem") } })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no.pem"),
  });
  const nobody = join(folder, "nobody.sock");
  const absent = await aspen(["kv", "get", "a", "--node", `unix:${nobody}`]);
  expect(absent).toMatchObject({ code: 7, stderr: expect.stringContaining(`unix:${nobody}`) });
  expect((await aspen(["kv", "get", "a", "--node", "unix:"])).code).toBe(2);
  const elsewhere = await mkdtemp(join(folder, "e-"));
  const noKey = ["node", "start", "--listen", "127.0.0.1:0", "--tls-cert", pem.cert!];
  expect(await aspen(noKey, { cwd: elsewhere })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("listen.tls.key"),
  });
}, 120_000);
