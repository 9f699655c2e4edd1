// Imports a file and kills itself when some blobs have been put.
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { importStore } from "@aspen/storage/transfer";

const [driver, where, file, blobs, url] = process.argv.slice(2);
const store =
  driver === "embedded"
    ? await EmbeddedStore.open({ directory: where })
    : await RedisStore.open({ url, keyPrefix: where });
let put = 0;
const counting = {
  list: () => store.blobs.list(),
  stat: (hash) => store.blobs.stat(hash),
  async put(data) {
    const hash = await store.blobs.put(data);
    put += 1;
    if (put === Number(blobs)) process.kill(process.pid, "SIGKILL");
    return hash;
  },
};
await importStore({ kv: store.kv, blobs: counting, maintenance: store.maintenance }, file);
