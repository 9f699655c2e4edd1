import { hostErrors } from "../errors.js";
import { defineHostFunction } from "./host-function.js";

export const clusterInfo = defineHostFunction<null>({
  prepare: () => null,
  async run({ ports }) {
    if (!ports?.cluster) throw hostErrors.featureOff("cluster_info", "cluster");
    return JSON.stringify(ports.cluster.info());
  },
});
