export { compare, type CompareOptions } from "./compare.ts";
export { openLaboratory, type LaboratoryOptions } from "./laboratory.ts";
export { peerNames, peers, type Peer, type PeerName } from "./peers.ts";
export { isOf, resultFiles, shardRuns } from "./resultFiles.ts";
