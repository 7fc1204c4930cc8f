export { compare, opSubject, type CompareOptions, type Subject } from "./compare.ts";
export { openLaboratory, type LaboratoryOptions } from "./laboratory.ts";
export { measureLimits } from "./limits.ts";
export { limitsOf } from "./limitsOf.ts";
export { machine } from "./machine.ts";
export { peerNames, peers, type Peer, type PeerName } from "./peers.ts";
export { isOf, resultFiles, shardRuns } from "./resultFiles.ts";
