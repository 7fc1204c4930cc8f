export { bytesOf, compare, opSubject, type CompareOptions, type Subject } from "./compare.ts";
export { measureLimits } from "./limits.ts";
export { machine } from "./machine.ts";
export { peerNames, peers, type Peer, type PeerName } from "./peers.ts";
