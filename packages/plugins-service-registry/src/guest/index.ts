import { definePlugin } from "@aspen/guest-sdk";
import { heartbeat, renew } from "./heartbeat.js";
import { discover, get, list } from "./lookup.js";
import { deregister, register } from "./register.js";
import { sweep } from "./sweep.js";
import { update } from "./update.js";

export default definePlugin({
  handlers: {
    "service.register": register,
    "service.deregister": deregister,
    "service.heartbeat": heartbeat,
    "service.renew": renew,
    "service.update": update,
    "service.get": get,
    "service.list": list,
    "service.discover": discover,
  },
  onTimer: sweep,
});
