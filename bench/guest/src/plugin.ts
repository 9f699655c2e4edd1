import { definePlugin } from "@aspen/guest-sdk";

export default definePlugin({ handlers: { "bench.echo": (params: unknown) => ({ params }) } });
