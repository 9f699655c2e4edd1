// @aspen/storage without anything else: transactions, a scan, and blobs, on an embedded store.
import { type BlobHash, type Store, updateValue } from "@aspen/storage";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as number;

/** Adds to a balance; a transfer at the same moment is not lost. */
export async function deposit({ kv }: Store, account: string, amount: number): Promise<void> {
  await updateValue(kv, `bank:account:${account}`, (bytes) => encode((bytes === null ? 0 : decode(bytes)) + amount));
}

/** Both balances change, or neither; false when somebody changed one of them in between. */
export async function transfer({ kv }: Store, from: string, to: string, amount: number): Promise<boolean> {
  const keys = [`bank:account:${from}`, `bank:account:${to}`];
  const entries = await kv.getMany(keys);
  const [debit = 0, credit = 0] = entries.map((entry) => (entry === null ? 0 : decode(entry.value)));
  if (debit < amount) throw new RangeError(`${from} has ${debit}, which is less than ${amount}`);
  const { ok } = await kv.transact({
    checks: keys.map((key, i) => {
      const entry = entries[i] ?? null;
      return entry === null ? { key, value: null } : { key, version: entry.version };
    }),
    ops: [
      { type: "put", key: keys[0]!, value: encode(debit - amount) },
      { type: "put", key: keys[1]!, value: encode(credit + amount) },
    ],
  });
  return ok;
}

/** Every account with its balance, in the order of their names. */
export async function balances({ kv }: Store): Promise<[account: string, balance: number][]> {
  const { entries } = await kv.scan({ prefix: "bank:account:" });
  return entries.map(({ key, value }) => [key.slice("bank:account:".length), decode(value)]);
}

/** A receipt lies under the hash of its text: the same text twice is kept once. */
export async function keepReceipt({ blobs }: Store, text: string): Promise<BlobHash> {
  return await blobs.put(new TextEncoder().encode(text), { reference: "bank:receipts" });
}
