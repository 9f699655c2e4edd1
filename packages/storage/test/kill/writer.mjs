// Writes transactions to an embedded store for ever and prints the number of each that was acknowledged.
import { EmbeddedStore } from "@aspen/storage/embedded";

const [directory, first] = process.argv.slice(2);
const store = await EmbeddedStore.open({ directory });
const text = new TextEncoder();
for (let n = Number(first); ; n++) {
  const value = text.encode(`${n} ${"x".repeat(n % 3000)}`);
  const put = (key) => ({ type: "put", key, value });
  const group = `t:${n % 20}:`;
  // Two transactions under way at once; each is whole or not there.
  await Promise.all([
    store.kv.transact({ checks: [], ops: [put(`${group}a`), put(`${group}b`), put(`${group}c`), put("t:last")] }),
    store.kv.put(`p:${n % 20}`, value),
  ]);
  process.stdout.write(`${n}\n`);
}
