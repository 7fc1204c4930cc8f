export { attributes, type Attributes, type Building } from "./townscapes/attributes.ts";
export { caption } from "./townscapes/caption.ts";
export { labels, type Label } from "./townscapes/Canvas.ts";
export { evalnet, evalnetGraph, evalnetSizes, openEvalnet } from "./townscapes/evalnet.ts";
export { judgements, Tally, type Judgement, type Said } from "./townscapes/Tally.ts";
export { townscape, type Townscape } from "./townscapes/townscape.ts";
