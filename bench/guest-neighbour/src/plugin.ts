import { definePlugin } from "@aspen/guest-sdk";

export default definePlugin({ handlers: { "neighbour.echo": (params: unknown) => params } });
