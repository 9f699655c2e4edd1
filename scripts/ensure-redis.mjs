// Finds redis-server on the PATH, or installs it where it may (Debian, as root), or says what to install.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Makes sure that `redis-server` can be started; exits with a message when it cannot. */
export function ensureRedis() {
  if (redisVersion()) return;
  if (process.platform === "linux" && existsSync("/etc/debian_version") && process.getuid() === 0) {
    console.log(
      "redis-server is not on the PATH; installing it: apt-get install -y --no-install-recommends redis-server",
    );
    for (const args of [["update"], ["install", "-y", "--no-install-recommends", "redis-server"]]) {
      const { status, error } = spawnSync("apt-get", args, {
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
      if (error || status !== 0) {
        fail(`apt-get ${args.join(" ")} failed (${error ? error.message : `exit status ${status}`}).`);
      }
    }
    if (redisVersion()) return;
  }
  fail("The tests need redis-server on the PATH and start it themselves, on a free port.");
}

function redisVersion() {
  const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

function fail(message) {
  console.error(message);
  console.error("Install Redis 7 or later: `apt-get install redis-server`, `brew install redis`, `apk add redis`,");
  console.error("or see https://redis.io/docs/latest/operate/oss_and_stack/install/. Then run this again.");
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureRedis();
