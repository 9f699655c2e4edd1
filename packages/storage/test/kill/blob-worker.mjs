// Puts, references, unreferences and deletes blobs for ever. Prints `held <hash> <tag>` when a reference was
// acknowledged, and `freed <hash> <tag>` before it is given up.
import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";

const [kind, place, name, seed] = process.argv.slice(2);
const store =
  kind === "redis"
    ? await RedisStore.open({ url: place, uploadLeaseMs: 1000 })
    : await EmbeddedStore.open({ directory: place });
const { blobs } = store;
const say = (line) => new Promise((resolve) => process.stdout.write(`${line}\n`, resolve));

/** Bytes that all workers have in common. */
function content(number) {
  const bytes = new Uint8Array(1 + ((number * 700_001) % 3_000_000));
  for (let at = 0; at < bytes.length; at += 997) bytes[at] = number + at;
  bytes[0] = number;
  return bytes;
}

async function* slowly(bytes) {
  for (let at = 0; at < bytes.length; at += 400_000) {
    yield bytes.subarray(at, at + 400_000);
    await delay(1);
  }
}

const held = [];
for (let step = Number(seed); ; step++) {
  const bytes = content((step * 13) % 12);
  const tag = `${name}-${step}`;
  if (step % 5 === 4 && held.length > 0) {
    const [hash, old] = held.shift();
    await say(`freed ${hash} ${old}`);
    await blobs.removeReference(hash, old);
  } else if (step % 5 === 3) {
    const hash = await blobs.put(bytes);
    // Collected before this process came to it: nothing was acknowledged.
    const ok = await blobs.addReference(hash, tag).then(
      () => true,
      (error) => {
        if (error.code !== "BLOB_NOT_FOUND") throw error;
        return false;
      },
    );
    if (ok) {
      held.push([hash, tag]);
      await say(`held ${hash} ${tag}`);
    }
  } else {
    const hash = await blobs.put(step % 2 ? bytes : slowly(bytes), { reference: tag });
    held.push([hash, tag]);
    await say(`held ${hash} ${tag}`);
  }
}
