import { Graph, type Params, type Tensor } from "@tessera/kernels";
import { add, leakyRelu, mul, relu, scale, tanh, upsample } from "@tessera/kernels/ops";
import { channelwise, conv, instanceNorm } from "../layers.ts";
import { compressedChannels, gauganFactor, gauganSize, semanticChannels, type GauganConfig } from "./config.ts";

/** One residual block: its place in the checkpoint and its widths. */
interface Block {
  readonly name: string;
  /** Whether the picture is doubled before it. */
  readonly doubles: boolean;
  readonly middle: number;
  readonly out: number;
  /** Whether its shortcut is a convolution. */
  readonly learned: boolean;
  /** Width of the hidden layer in each of its SPADEs. */
  readonly hidden: number;
  /** GAN Compression's separable convolutions for γ and β. */
  readonly separable: boolean;
}

/** The blocks in order. The compressed generator has a width of its own for each where the original has `ngf`. */
function blocksOf(config: GauganConfig): Block[] {
  const { ngf, nhidden, num_upsampling_layers: layers } = config;
  const channels = compressedChannels(config);
  const table: [name: string, multiple: number, doubles: boolean][] = [
    ["head_0", 16, false],
    ["G_middle_0", 16, true],
    ["G_middle_1", 16, layers !== "normal"],
    ["up_0", 8, true],
    ["up_1", 4, true],
    ["up_2", 2, true],
    ["up_3", 1, true],
  ];
  if (layers === "most") table.push(["up_4", 1 / 2, true]);
  return table.map(([name, multiple, doubles], i) => {
    const middle = Math.floor(multiple * (channels?.[i + 1] ?? ngf));
    const learned = name.startsWith("up");
    const out = learned ? middle : 16 * (channels?.[0] ?? ngf);
    const hidden = channels ? 2 * channels[i + 1] : nhidden;
    return { name, doubles, middle, out, learned, hidden, separable: channels !== undefined };
  });
}

/**
 * GauGAN's generator (Park et al. 2019, "Semantic Image Synthesis with Spatially-Adaptive Normalization", appendix A), or
 * GAN Compression's (Li et al. 2020): a segmentation [n c H W], a plane for each label, → picture [n 3 H W], −1 … 1.
 * Parameter names are NVlabs/SPADE's once `gauganWeights` has folded spectral norms and running statistics.
 */
export function spadeGenerator(p: Params, segmentation: Tensor, config: GauganConfig): Tensor {
  const [, , height, width] = segmentation.dims("n c h w");
  const factor = gauganFactor(config);
  const blocks = blocksOf(config);
  const first = resized(segmentation, height / factor, width / factor);
  let h = conv(p.at("fc"), first, blocks[0].out, 3);
  for (const block of blocks) {
    const [, , rows, columns] = h.dims("n c h w");
    if (block.doubles) h = resized(h, 2 * rows, 2 * columns);
    h = spadeBlock(p.at(block.name), h, segmentation, block);
  }
  return tanh(conv(p.at("conv_img"), leakyRelu(h, 0.2), 3, 3));
}

/** SPADE → leaky ReLU → convolution, twice, beside a shortcut; a learned one is SPADE → convolution, without activation. */
function spadeBlock(p: Params, x: Tensor, segmentation: Tensor, block: Block): Tensor {
  const norm = (name: string, h: Tensor) => spade(p.at(name), h, segmentation, block);
  const shortcut = block.learned ? conv(p.at("conv_s"), norm("norm_s", x), block.out, 1, { bias: false }) : x;
  let h = conv(p.at("conv_0"), leakyRelu(norm("norm_0", x), 0.2), block.middle, 3);
  h = conv(p.at("conv_1"), leakyRelu(norm("norm_1", h), 0.2), block.out, 3);
  return p.result(add(shortcut, h));
}

/**
 * Spatially-adaptive normalization (Park et al. 2019, eq. 1): batch norm by its running statistics, then a scale γ and a
 * shift β that depend on the labels at each pixel.
 */
function spade(p: Params, x: Tensor, segmentation: Tensor, { hidden, separable }: Block): Tensor {
  const [, c, height, width] = x.dims("n c h w");
  const norm = p.at("param_free_norm");
  const [factor, shift] = ["scale", "shift"].map((name) => channelwise(norm.buffer(name, [c])));
  const normalized = norm.result(add(mul(x, factor), shift));
  const shared = p.at("mlp_shared");
  const labels = shared.result(relu(conv(shared.at(0), resized(segmentation, height, width), hidden, 3)));
  const modulation = (at: Params) => (separable ? separableConv(at, labels, c) : conv(at, labels, c, 3));
  const [gamma, beta] = ["mlp_gamma", "mlp_beta"].map((name) => modulation(p.at(name)));
  return p.result(add(mul(normalized, scale(gamma, 1, 1)), beta));
}

/** GAN Compression's convolution: 3×3 by channel → instance norm → 1×1 to `co` channels. */
export function separableConv(p: Params, x: Tensor, co: number): Tensor {
  const [, ci] = x.dims("n c h w");
  const h = instanceNorm(conv(p.at("conv.0"), x, ci, 3, { groups: ci }), 1e-5);
  return p.result(conv(p.at("conv.2"), h, co, 1));
}

function resized(x: Tensor, height: number, width: number): Tensor {
  const [, , rows, columns] = x.dims("n c h w");
  return rows === height && columns === width ? x : upsample({ x }, { height, width });
}

/** The generator alone: `segmentation` [n c H W] (see `segmentationOf`) → `image` [n 3 H W], −1 … 1. */
export function gauganGraph(
  config: GauganConfig,
  { batch = 1, height = gauganSize(config).height, width = gauganSize(config).width } = {},
): Graph {
  const graph = new Graph();
  const segmentation = graph.input("segmentation", [batch, semanticChannels(config), height, width]);
  graph.output("image", spadeGenerator(graph.scope(), segmentation, config));
  return graph;
}
