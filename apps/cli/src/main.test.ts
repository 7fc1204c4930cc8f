import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  architecture,
  componentGraph,
  networksOf,
  parseControlNetConfig,
  parseGauganConfig,
  segmentationOf,
} from "@tessera/models";
import {
  expectClose,
  fixture,
  fixtureJson,
  fixturePath,
  maxAbs,
  randomWeights,
  tessera,
  uniform,
  type Outcome,
} from "@tessera/testing";
import { memorySource, toFloat32, type TensorData } from "@tessera/safetensors";
import { writeSafetensorsFile } from "@tessera/safetensors/node";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const tiny = fixturePath("tiny-sd");

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "tessera-cli-"))));
afterAll(() => rm(folder, { recursive: true }));

const weights = "unet/diffusion_pytorch_model.safetensors";
const small = ["--model", tiny, "--steps", "2", "--width", "64", "--height", "64"];

/** The one error line, and no result. */
const failed = ({ code, stdout, stderr }: Outcome, expected: number): string => {
  expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: "" });
  const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(errors.length, stderr).toBe(1);
  return errors[0];
};

describe.concurrent("generate", () => {
  test("a PNG file that says how it was made, and JSON", async () => {
    const out = join(folder, "fox.png");
    const args = [
      "generate",
      "a fox, 狐",
      "--out",
      out,
      "--negative",
      "blur",
      "--seed",
      "7",
      "--backend",
      "wasm",
      "--json",
    ];
    const { code, stdout } = await tessera([...args, ...small]);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ out, parameters: { prompt: "a fox, 狐", seed: 7, steps: 2, sampler: "ddim" } });
    expect(result.timings.stepMs.length).toBe(2);
    const bytes = await readFile(out);
    expect(decode(bytes, { checkCrc: true })).toMatchObject({ width: 64, height: 64, channels: 3, depth: 8 });
    const text = bytes.subarray(bytes.indexOf("iTXtparameters"), bytes.indexOf("IDAT")).toString("utf8");
    expect(text).toContain(
      "a fox, 狐\nNegative prompt: blur\nSteps: 2, Sampler: DDIM, CFG scale: 7.5, Seed: 7, Size: 64x64",
    );
    expect(text).toContain('"negativePrompt":"blur"');
  });

  test("says which backend it chose, and why", async () => {
    const args = ["generate", "a", ...small, "--seed", "1", "--out", join(folder, "auto.png"), "--json"];
    const { code, stdout, stderr } = await tessera([...args, "--backend", "auto"]);
    expect(code, stderr).toBe(0);
    const { name, description, reason } = JSON.parse(stdout).backend;
    expect(reason).toMatch(new RegExp(`^${name}, since `));
    if (name === "webgpu") expect(description).not.toContain("software adapter");
  });

  test("noise alone, where the model takes no prompt", async () => {
    const out = join(folder, "pixels.png");
    const model = ["--model", fixturePath("tiny-ddpm"), "--width", "32", "--height", "24", "--backend", "wasm"];
    const { code, stdout, stderr } = await tessera(["generate", ...model, "--steps", "3", "--seed", "4", "--out", out, "--json"]); // prettier-ignore
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ out, parameters: { seed: 4, steps: 3, sampler: "ddim", width: 32 } });
    expect(stderr).toContain("denoise 3/3");
    const { text, ...png } = decode(await readFile(out));
    expect(png).toMatchObject({ width: 32, height: 24 });
    expect(text.parameters).toMatch(/^Steps: 3, Sampler: DDIM, Seed: 4, Size: 32x24, Model: tiny-ddpm/);
    const told = await tessera(["generate", "a", ...model, "--lora", "x.safetensors", "--out", join(folder, "no.png")]);
    expect(failed(told, 1)).toContain("is told nothing else: leave out a prompt, --lora");
    expect(failed(await tessera(["generate", "--model", tiny, "--out", "x.png"]), 2)).toContain("argument 'prompt'");
  });

  test("an edit by blocks, with its costs", async () => {
    const [image, edited, out] = ["image", "edited", "out"].map((name) => join(folder, `edit-${name}.png`));
    const base = [...small, "--seed", "1", "--backend", "wasm"];
    expect((await tessera(["generate", "a", ...base, "--out", image])).code).toBe(0);
    const picture = decode(await readFile(image));
    const data = Uint8Array.from(picture.data);
    for (let row = 4; row < 12; row++) data.fill(255, 3 * (row * 64 + 4), 3 * (row * 64 + 12));
    await writeFile(edited, encode({ ...picture, data, text: {} }));
    const args = [
      "edit",
      "--model",
      tiny,
      "--seed",
      "1",
      "--backend",
      "wasm",
      "--image",
      image,
      "--edited",
      edited,
      "--out",
      out,
      "--prompt",
      "a",
    ];
    const { code, stdout } = await tessera([...args, "--steps", "4", "--json"]);
    expect(code).toBe(0);
    const { report, parameters } = JSON.parse(stdout);
    expect(parameters).toMatchObject({ prompt: "a", seed: 1, strength: 0.6, width: 64 });
    expect(report.macs.sparse).toBeLessThan(report.macs.dense);
    expect(decode(await readFile(out))).toMatchObject({ width: 64, height: 64 });
    const table = await tessera([...args, "--steps", "4", "--no-compare"]);
    expect(table.stdout).toMatch(/multiply-adds, counted +whole .* blocks .*×/);
    expect(table.stdout).toMatch(/time, measured +blocks [\d.]+ s\n/);
    // A cache that holds all, half of it, and none: the edit works, and the table says what it cost.
    const cached = async (mebibytes: number) => {
      const run = await tessera([
        ...args,
        "--steps",
        "4",
        "--no-compare",
        "--json",
        "--cache-budget",
        String(mebibytes),
      ]);
      expect(run.stderr + run.code).toMatch(/0$/);
      return JSON.parse(run.stdout).report.cache;
    };
    const all = await cached(64);
    expect(all).toMatchObject({ budget: 64 * 2 ** 20, recomputedMacs: 0 });
    const half = await cached(all.bytes / 2 ** 21);
    expect(half.bytes).toBeLessThanOrEqual(all.bytes / 2);
    expect(half.recomputedMacs).toBeGreaterThan(0);
    expect(half.recomputedMacs).toBeLessThan(half.wholeMacs);
    expect(table.stdout).toMatch(/cache: 0\.0 MiB of 0\.0 MiB, 4 evaluations\n/);
    expect(table.stdout).toMatch(/computed again: ([\d.]+ G) multiply-adds of \1\n/);
    expect(table.stdout).toMatch(/computing it again and recalling what was kept, measured: [\d.]+ s\n/);
    const none = await tessera(args.with(args.indexOf(edited), image));
    expect(failed(none, 1)).toContain("The edit changes nothing");
    const wrong = failed(await tessera([...args, "--statistics", "theirs"]), 2);
    expect(wrong).toContain("Allowed choices are original, edited.");
    const alone = args.filter((arg) => arg !== "--edited" && arg !== edited);
    expect(failed(await tessera(alone), 1)).toContain("Give --edited, the picture drawn on, or --mask");
    const white = join(folder, "edit-mask.png");
    await writeFile(
      white,
      encode({ width: 64, height: 64, channels: 1, data: new Uint8Array(64 * 64).fill(255, 0, 640) }),
    );
    // A mask alone redoes what is in it; with the original's statistics, less is kept of it.
    const more = ["--mask", white, "--steps", "2", "--no-compare", "--statistics", "original", "--json"];
    const masked = JSON.parse((await tessera([...alone, ...more])).stdout).report;
    expect(masked.edited).toBeCloseTo(640 / 4096, 6);
    expect(masked.stateBytes).not.toBe(report.stateBytes);
    const jpeg = await tessera(args.with(args.indexOf(out), join(folder, "edit.jpg")));
    expect(failed(jpeg, 1)).toContain("pictures are written as PNG");
  });

  test("what cannot be done is refused before weights are looked for", async () => {
    const bare = await mkdtemp(join(folder, "bare-"));
    await cp(tiny, bare, { recursive: true, filter: (file) => !file.endsWith("safetensors") });
    const [grey, out] = [join(bare, "grey.png"), join(bare, "out.png")];
    const side = { width: 64, height: 64, channels: 1 } as const;
    await writeFile(grey, encode({ ...side, data: new Uint8Array(64 * 64).fill(150) }));
    const refused = async (args: string[]) =>
      failed(await tessera([...args, "--model", bare, "--out", out, "--backend", "null"]), 1);
    const cases: [string[], string][] = [
      [
        ["edit", "--image", grey, "--mask", grey, "--strength", "0"],
        "strength is 0, but must be above 0 and at most 1.",
      ],
      [["edit", "--image", grey, "--mask", grey], "There is no text_encoder/model.safetensors"],
      [
        ["generate", "a", "--init", grey, "--steps", "1001"],
        "steps is 1001, but must be a whole number from 1 to 1000.",
      ],
    ];
    for (const [args, message] of cases) expect(await refused(args)).toContain(message);
  });

  test("from a picture, with Latin-1 text", async () => {
    const [first, second] = [join(folder, "first.png"), join(folder, "second.png")];
    const base = ["generate", "a café", ...small, "--seed", "1", "--backend", "wasm"];
    expect((await tessera([...base, "--out", first])).code).toBe(0);
    const args = ["--out", second, "--init", first, "--strength", "0.5", "--width", "96"];
    const { code, stdout } = await tessera([...base, ...args]);
    expect(code).toBe(0);
    expect(stdout).toContain("was cut and resized from 64×64 to 96×64");
    const { text, width } = decode(await readFile(second));
    expect(width).toBe(96);
    expect(text.parameters).toMatch(/^a café\nSteps: 2, .*Denoising strength: 0\.5/);
    expect(JSON.parse(text.tessera)).toMatchObject({ prompt: "a café", strength: 0.5 });
  });

  test("a part of a picture redone, with a LoRA, a textual inversion and a ControlNet", async () => {
    const place = await mkdtemp(join(folder, "adapters-"));
    const at = (name: string) => join(place, name);
    const f32 = (shape: number[]) => ({ dtype: "F32", shape, data: new Uint8Array(uniform(shape.reduce((a, b) => a * b, 1)).buffer) }) as const; // prettier-ignore
    const layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    await writeSafetensorsFile(at("style.safetensors"), {
      [`${layer}.lora_down.weight`]: f32([2, 16]),
      [`${layer}.lora_up.weight`]: f32([16, 2]),
    });
    const width = fixtureJson<{ hidden_size: number }>("tiny-sd/text_encoder/config.json").hidden_size;
    await writeSafetensorsFile(at("beast.safetensors"), { emb_params: f32([2, width]) });
    const config = { ...fixtureJson<object>("tiny-sd/unet/config.json"), conditioning_embedding_out_channels: [4, 8, 12, 16] }; // prettier-ignore
    const net = randomWeights(componentGraph({ component: "controlnet", config: parseControlNetConfig(config) }));
    await mkdir(at("canny"));
    await writeFile(at("canny/config.json"), JSON.stringify(config));
    const tensors: Record<string, TensorData> = {};
    for (const name of net.names()) tensors[name] = await net.get(name);
    await writeSafetensorsFile(at("canny/diffusion_pytorch_model.safetensors"), tensors);
    const half = new Uint8Array(3 * 64 * 64).map((_, i) => (Math.floor(i / 3) % 64 < 32 ? 0 : 255));
    await writeFile(at("mask.png"), encode({ width: 64, height: 64, data: half, channels: 3 }));
    const grey = new Uint8Array(3 * 64 * 64).fill(77);
    await writeFile(at("grey.png"), encode({ width: 64, height: 64, data: grey, channels: 3 }));

    const base = ["generate", "a beast", ...small, "--seed", "7", "--backend", "wasm", "--out", at("out.png")];
    const edit = ["--init", at("grey.png"), "--mask", at("mask.png"), "--lora", `${at("style.safetensors")}:0.5`];
    const more = [
      "--embedding",
      at("beast.safetensors"),
      "--controlnet",
      at("canny"),
      "--control-image",
      at("mask.png"),
    ];
    const { code, stderr } = await tessera([...base, ...edit, ...more, "--control-scale", "0.5"]);
    expect(code, stderr).toBe(0);
    const { data, text } = decode(await readFile(at("out.png")));
    const left = [...data].filter((_, i) => Math.floor(i / 3) % 64 < 32);
    expect(new Set(left)).toEqual(new Set([77]));
    expect(new Set(data).size).toBeGreaterThan(8);
    expect(text.parameters).toContain('LoRAs: "style.safetensors: 0.5", ControlNet 0: "Model: canny, Weight: 0.5,');
    expect(JSON.parse(text.tessera)).toMatchObject({
      inpaint: true,
      strength: 1,
      loras: [{ name: "style.safetensors", weight: 0.5 }],
      embeddings: ["beast"],
      control: { scale: 0.5, start: 0, end: 1 },
    });

    await writeSafetensorsFile(at("in.safetensors"), {
      sample: f32([1, 4, 8, 8]),
      timestep: f32([]),
      encoder_hidden_states: f32([1, 77, width]),
      controlnet_cond: f32([1, 3, 64, 64]),
      conditioning_scale: f32([1]),
    });
    const run = ["run", "--model", at("canny"), "--component", "controlnet", "--inputs", at("in.safetensors")];
    const ran = await tessera([...run, "--outputs", at("said.safetensors"), "--json", "--backend", "wasm"]);
    expect(ran.code, ran.stderr).toBe(0);
    const said = memorySource(await readFile(at("said.safetensors")));
    expect(said.info("down.0")?.shape).toEqual([1, 16, 8, 8]);
    expect(said.info("mid")?.shape).toEqual([1, 48, 1, 1]);
  });

  test.each([
    ["an unknown option", [...small, "--out", "x.png", "--stesp", "3"], "unknown option '--stesp'"],
    ["a missing option", [], "required option '--model <path>'"],
    ["no number", [...small, "--out", "x.png", "--guidance", "much"], "'much' is invalid. It must be a number."],
    [
      "an unknown sampler",
      [...small, "--out", "x.png", "--sampler", "magic"],
      "Allowed choices are ddim, ddpm, pndm, euler,",
    ],
    [
      "DDIM's noise for another sampler",
      [...small, "--out", "x.png", "--eta", "0.5", "--sampler", "euler"],
      "--eta is for --sampler ddim, not euler",
    ],
    ["an option without its partner", [...small, "--out", "x.png", "--strength", "0.5"], "--strength needs --init"],
    ["a mask without a picture", [...small, "--out", "x.png", "--mask", "m.png"], "--mask needs --init"],
    ["a ControlNet without a picture", [...small, "--out", "x.png", "--controlnet", "c"], "needs --control-image"],
    ["a control without its net", [...small, "--out", "x.png", "--control-scale", "1"], "needs --controlnet"],
  ])("%s is bad usage", async (_, args, message) => {
    expect(failed(await tessera(["generate", "a", ...args]), 2)).toContain(message);
  });

  test.each([
    ["no model", ["--model", "nowhere", "--out", "x.png"], "nowhere does not exist"],
    ["no folder", [...small, "--out", "nowhere/x.png"], "there is no folder nowhere"],
    [
      "a size that does not fit",
      [...small, "--width", "65", "--out", "x.png"],
      "multiple of 8, the VAE's factor. Try 64.",
    ],
    ["no steps", [...small, "--steps", "0", "--out", "x.png"], "steps is 0, but must be a whole number from 1 to 1000"],
    [
      "no folder for latents",
      [...small, "--out", "x.png", "--save-latents", "nowhere/x"],
      "there is no folder nowhere",
    ],
    ["no picture", [...small, "--out", "x.png", "--init", "README.none"], "README.none does not exist"],
    ["no LoRA there", [...small, "--out", "x.png", "--lora", "style:0.5"], "--lora: style does not exist"],
    ["a LoRA that is none", [...small, "--out", "x.png", "--lora", `${tiny}/${weights}`], "This is no LoRA: conv_in"],
    [
      "no ControlNet",
      [...small, "--out", "x.png", "--controlnet", `${tiny}/${weights}`, "--control-image", "x.png"],
      "is no ControlNet",
    ],
  ])("%s is a user's error", async (_, args, message) => {
    expect(failed(await tessera(["generate", "a", ...args, "--backend", "null"]), 1)).toContain(message);
  });

  const picture = ["--init", "docs/images/demo.png"];
  test.each([
    ["a mask that is not there", [...picture, "--mask", "none.png"], "none.png does not exist."],
    ["a mask that is a folder", [...picture, "--mask", "docs"], "docs is a folder, not a file."],
    ["a mask that is no picture", [...picture, "--mask", "README.md"], "README.md is neither PNG nor JPEG. Convert it to PNG."], // prettier-ignore
    ["latents that are not there", ["--latents", "none.safetensors"], "none.safetensors does not exist."],
    ["no folder for latents", ["--save-latents", "nowhere/x"], "nowhere/x cannot be written: there is no folder nowhere. Make it first."], // prettier-ignore
    ["no name", ["--out", ""], "The name of a file to write is empty. Give one."],
  ])("%s is found before the model is loaded", async (_, args, message) => {
    const all = ["generate", "a", ...small, "--out", join(folder, "early.png"), "--backend", "wasm", ...args];
    expect(await tessera(all)).toEqual({ code: 1, stdout: "", stderr: `error: ${message}\n` });
  });

  const uid = process.getuid?.() === 0 ? 65534 : undefined; // root may write anywhere
  const reads = spawnSync(process.execPath, ["-p", "1"], { cwd: root, uid }).status === 0; // that user may enter this folder
  test.skipIf(!reads)("a folder that lets nothing be written into it is found before the model is loaded", async () => {
    const place = await mkdtemp(join(tmpdir(), "tessera-locked-"));
    await chmod(place, 0o555);
    const outcome = await tessera(["generate", "a", ...small, "--out", join(place, "x.png")], { uid });
    await rm(place, { recursive: true });
    expect(outcome.stderr).toBe(
      `error: ${join(place, "x.png")} cannot be written: ${place} lets nothing be written into it. Choose another folder.\n`,
    );
  });

  test("a picture that was cut off", async () => {
    const cut = join(folder, "cut.png");
    await writeFile(cut, (await readFile(join(root, "docs/images/demo.png"))).subarray(0, 3000));
    const outcome = await tessera(["generate", "a", ...small, "--out", "x.png", "--init", cut, "--backend", "null"]);
    expect(failed(outcome, 1)).toMatch(/cut\.png is damaged: .*\w\.$/);
  });

  test("a small file that claims to be a huge picture is refused before it is unpacked", async () => {
    const bomb = join(folder, "bomb.png");
    const header = Buffer.alloc(33);
    Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").copy(header);
    header.writeUInt32BE(100_000, 16);
    header.writeUInt32BE(100_000, 20);
    await writeFile(bomb, header);
    const outcome = await tessera(["generate", "a", ...small, "--out", "x.png", "--init", bomb, "--backend", "null"]);
    expect(failed(outcome, 1)).toContain("100000×100000 pixels are more than 64 million; scale it down first");
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk", async () => {
    const outcome = await tessera(["generate", "a", ...small, "--out", "/dev/full", "--backend", "null"]);
    expect(failed(outcome, 1)).toContain("/dev/full: the disk is full");
  });

  test("Ctrl-C in the middle leaves no file, whole or half", async () => {
    const place = await mkdtemp(join(folder, "interrupted-"));
    const args = [
      "generate",
      "a",
      "--model",
      tiny,
      "--steps",
      "900",
      "--out",
      join(place, "x.png"),
      "--backend",
      "wasm",
    ];
    const outcome = await tessera(args, {
      watch(child, stderr) {
        if (stderr.includes("denoise 2/") && !child.killed) child.kill("SIGINT");
      },
    });
    expect(failed(outcome, 130)).toBe("error: interrupted.");
    expect(outcome.stderr).not.toMatch(/^decode/m);
    expect(await readdir(place)).toEqual([]);
  });
});

describe.concurrent("damaged checkpoints", () => {
  /** A copy of the tiny checkpoint, changed. */
  async function damaged(change: (path: string) => Promise<void>): Promise<string> {
    const path = await mkdtemp(join(folder, "damaged-"));
    await cp(tiny, path, { recursive: true, filter: (file) => !/fp16|expected|model_ldm/.test(file) });
    await change(path);
    const out = join(path, "x.png");
    const outcome = await tessera(["generate", "a ~ b", "--model", path, "--out", out, "--backend", "null"]);
    expect(existsSync(out)).toBe(false);
    return failed(outcome, 1);
  }
  /** Rewrites a file of weights. */
  const edit = async (path: string, change: (tensors: Record<string, TensorData>) => void) => {
    const source = memorySource(await readFile(path));
    const tensors: Record<string, TensorData> = {};
    for (const name of source.names()) tensors[name] = await source.get(name);
    change(tensors);
    await writeSafetensorsFile(path, tensors);
  };
  const unet = "unet/diffusion_pytorch_model.safetensors";

  test("cut off", async () => {
    const error = await damaged((path) => truncate(join(path, unet), 100_000));
    expect(error).toContain(unet);
  });

  test("a missing tensor", async () => {
    const error = await damaged((path) => edit(join(path, unet), (tensors) => delete tensors["conv_in.weight"]));
    expect(error).toContain(unet);
    expect(error).toContain("missing conv_in.weight [16 4 3 3]");
  });

  test("a wrong shape", async () => {
    const error = await damaged((path) =>
      edit(join(path, unet), (tensors) => {
        tensors["conv_out.weight"] = { ...tensors["conv_out.weight"], shape: [16, 4, 3, 3] };
      }),
    );
    expect(error).toContain("conv_out.weight has shape [16 4 3 3], expected [4 16 3 3]");
  });

  test("a character that the vocabulary lacks", async () => {
    const error = await damaged(async (path) => {
      const file = join(path, "tokenizer/vocab.json");
      const vocab = JSON.parse(await readFile(file, "utf8"));
      for (const token of Object.keys(vocab)) if (token.includes("~")) delete vocab[token];
      await writeFile(file, JSON.stringify(vocab));
    });
    expect(error).toContain('no token for "~" (U+007E)');
  });
});

describe.concurrent("run", () => {
  const expected = fixture("tiny-sd/expected.safetensors");
  const unet = async (changes: Record<string, TensorData | undefined> = {}) => {
    const timestep: TensorData = { dtype: "I64", shape: [], data: new Uint8Array(BigInt64Array.of(501n).buffer) };
    const sample = await expected.get("unet.16x24.sample");
    const inputs = { sample, timestep, encoder_hidden_states: await expected.get("pipe.cond"), ...changes };
    const file = join(await mkdtemp(join(folder, "run-")), "inputs.safetensors");
    const given = Object.entries(inputs).filter((entry): entry is [string, TensorData] => entry[1] !== undefined);
    await writeSafetensorsFile(file, given);
    return ["run", "--model", tiny, "--component", "unet", "--inputs", file];
  };

  test("one network on named tensors, as PyTorch has it", async () => {
    const outputs = join(folder, "outputs.safetensors");
    const { code, stdout } = await tessera([...(await unet()), "--outputs", outputs, "--backend", "wasm", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).outputs).toMatchObject([{ name: "sample", shape: [1, 4, 16, 24] }]);
    const reference = await expected.numbers("unet.16x24.t501.out");
    const sample = await memorySource(await readFile(outputs)).get("sample");
    expectClose(toFloat32(sample), reference, 5e-5 * maxAbs(reference));
  });

  /** Inputs and outputs of a run in a new folder. */
  const files = async (inputs: Record<string, TensorData>) => {
    const place = await mkdtemp(join(folder, "run-"));
    const [given, outputs] = [join(place, "inputs.safetensors"), join(place, "outputs.safetensors")];
    await writeSafetensorsFile(given, inputs);
    return { args: ["--inputs", given, "--outputs", outputs], outputs };
  };
  const read = async (file: string, name: string) => toFloat32(await memorySource(await readFile(file)).get(name));
  const f32 = (shape: readonly number[], data: Float32Array): TensorData => ({
    dtype: "F32",
    shape,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });

  test.each(["", "/model.safetensors"])("DDPM, from a directory or a file in it: %s", async (file) => {
    const ddpm = fixture("tiny-ddpm/expected.safetensors");
    const timestep = f32([1], Float32Array.of(400));
    const { args, outputs } = await files({ sample: await ddpm.get("x"), timestep });
    const model = fixturePath("tiny-ddpm") + file;
    const { code, stderr } = await tessera(["run", "--model", model, ...args, "--backend", "wasm"]);
    expect(code, stderr).toBe(0);
    const reference = await ddpm.numbers("out.t400");
    expectClose(await read(outputs, "sample"), reference, 5e-5 * maxAbs(reference));
  });

  test("GauGAN", async () => {
    const gaugan = fixture("tiny-gaugan/expected.safetensors");
    const config = parseGauganConfig(fixtureJson("tiny-gaugan/config.json"));
    const [height, width] = gaugan.shape("label");
    const [labels, instances] = [await gaugan.numbers("label"), await gaugan.numbers("instance")];
    const planes = segmentationOf({ width, height, labels, instances }, config);
    const { args, outputs } = await files({ segmentation: f32([1, 36, height, width], planes) });
    const model = ["--model", fixturePath("tiny-gaugan"), "--component", "generator", "--backend", "wasm"];
    const { code, stderr } = await tessera(["run", ...model, ...args]);
    expect(code, stderr).toBe(0);
    const reference = await gaugan.numbers("image");
    expectClose(await read(outputs, "image"), reference, 5e-5 * maxAbs(reference));
  });

  test.each([
    [
      "MobileDiffusion's UNet",
      {
        up_transformers: [[0, 0]],
        down_transformers: [[0]],
        block_out_channels: [16],
        in_channels: 4,
        out_channels: 4,
        sample_size: 8,
        cross_attention_dim: 8,
        num_attention_heads: 2,
        norm_num_groups: 8,
        self_attention: [true],
        cross_attention: [true],
        separable: [true],
      },
      "unet",
      { sample: [1, 4, 6, 8], timestep: [1], encoder_hidden_states: [1, 5, 8] },
      "sample",
    ],
    [
      "its decoder",
      {
        latent_channels: 8,
        block_out_channels: [16, 16],
        norm_num_groups: 8,
        down_block_types: Array(2).fill("DownEncoderBlock2D"),
        up_block_types: Array(2).fill("UpDecoderBlock2D"),
      },
      "vae_decoder",
      { latents: [1, 8, 6, 8] },
      "sample",
    ],
    [
      "progressive distillation",
      {
        data: { image_size: 8 },
        model: {
          in_ch: 3,
          out_ch: 6,
          ch: 8,
          ch_mult: [1, 2],
          num_res_blocks: 1,
          attn_resolutions: [4],
          temb_ch: 16,
          head_dim: 4,
          norm_num_groups: 4,
          logsnr_input_type: "inv_cos",
        },
      },
      "unet",
      { sample: [1, 3, 8, 8], timestep: [1] },
      "sample",
    ],
  ])("%s, as the definition has it", async (_, config, component, shapes, output) => {
    // prettier-ignore
    const place = await mkdtemp(join(folder, "network-"));
    const network = networksOf(config)[component];
    const weights = randomWeights(network.graph());
    const tensors: Record<string, TensorData> = {};
    for (const name of weights.names()) tensors[name] = await weights.get(name);
    await writeFile(join(place, "config.json"), JSON.stringify(config));
    await writeSafetensorsFile(join(place, "diffusion_pytorch_model.safetensors"), tensors);
    const inputs = Object.entries(shapes).map(([name, shape]) => [name, f32(shape, uniform(shape.reduce((a, b) => a * b, 1)))] as const); // prettier-ignore
    const { args, outputs } = await files(Object.fromEntries(inputs));
    const results: Float32Array[] = [];
    for (const backend of ["wasm", "reference"]) {
      const run = ["run", "--model", place, "--component", component, ...args, "--backend", backend];
      const { code, stderr } = await tessera(run);
      expect(code, stderr).toBe(0);
      results.push(await read(outputs, output));
    }
    expectClose(results[0], results[1], 5e-5 * maxAbs(results[1]));
  });

  test("a named architecture, for weights that say nothing of themselves", async () => {
    const place = await mkdtemp(join(folder, "named-"));
    const name = "gaugan-compressed:1_1_1_1_1_1_1_1";
    const file = join(place, "generator.safetensors");
    const weights = randomWeights(architecture(name)!.generator.graph());
    const tensors: Record<string, TensorData> = {};
    for (const name of weights.names()) {
      const tensor = await weights.get(name);
      // The checkpoint has batch norm's statistics where the graph has a scale and a shift: 1 and 0, but for ε.
      const statistic = name.replace(/\.scale$/, ".running_var").replace(/\.shift$/, ".running_mean");
      const plain = new Float32Array(toFloat32(tensor).length).fill(statistic.endsWith("_var") ? 1 - 1e-5 : 0);
      tensors[statistic] = statistic === name ? tensor : f32(tensor.shape, plain);
    }
    await writeSafetensorsFile(file, tensors);
    const { args, outputs } = await files({ segmentation: f32([1, 36, 128, 128], new Float32Array(36 * 128 * 128)) });
    const run = (...more: string[]) => tessera(["run", ...more, ...args, "--backend", "wasm"]);
    expect(failed(await run("--model", file), 1)).toContain("generator.safetensors has no config.json beside it");
    expect(failed(await run("--model", name), 1)).toContain("An architecture of that name is known");
    expect(failed(await run("--model", file, "--architecture", "gaugan"), 1)).toContain(
      "There is no architecture gaugan",
    );
    expect(failed(await run("--model", file, "--architecture", "gaugan-coco"), 1)).toContain("takes [1 184 128 128]");
    const small = failed(await run("--model", file, "--architecture", "gaugan-cityscapes"), 1);
    expect(small).toContain("missing head_0.norm_0.mlp_gamma.weight [1024 128 3 3]");
    const { code, stderr } = await run("--model", file, "--architecture", name);
    expect(code, stderr).toBe(0);
    expect((await read(outputs, "image")).length).toBe(3 * 128 * 128);
  });

  test("which component, where there are several", async () => {
    const { args } = await files({ latents: f32([1], Float32Array.of(0)) });
    const which = failed(await tessera(["run", "--model", tiny, ...args]), 1);
    expect(which).toContain("has text_encoder, unet, vae_encoder, vae_decoder. Say which with --component.");
    const none = failed(await tessera(["run", "--model", tiny, "--component", "clip", ...args]), 1);
    expect(none).toContain("has no clip");
  });

  test("wrong names and shapes are listed with what is expected", async () => {
    const context = await expected.get("pipe.cond");
    const named = await unet({ context, encoder_hidden_states: undefined });
    const names = failed(await tessera([...named, "--outputs", "x.safetensors"]), 1);
    expect(names).toContain("missing encoder_hidden_states; unexpected context. unet takes sample [n c h w]");
    const foreign = ["run", "--model", tiny, "--component", "unet", "--inputs", join(tiny, weights), "--outputs", "x"];
    expect(failed(await tessera(foreign), 1)).toMatch(/unexpected (\S+, ){7}\S+ and \d+ more\. unet takes sample/);
    const shaped = await unet({ sample: await expected.get("vae.enc.64x64.image") });
    const shapes = failed(await tessera([...shaped, "--outputs", "x.safetensors"]), 1);
    expect(shapes).toContain("sample has shape [1 3 64 64], but this unet takes [1 4 64 64]");
  });
});

describe.concurrent("paint", () => {
  const gaugan = fixturePath("tiny-gaugan");
  const expected = fixture("tiny-gaugan/expected.safetensors");
  const [height, width] = expected.shape("label");
  const png = async (name: string, data: Uint8Array | Uint16Array, channels: 1 | 3 = 1, size = { width, height }) => {
    const file = join(folder, name);
    await writeFile(file, encode({ ...size, data, channels, depth: data instanceof Uint16Array ? 16 : 8 }));
    return file;
  };
  const labels = async () => Uint8Array.from(await expected.numbers("label"));
  const paint = (file: string, ...args: string[]) =>
    tessera(["paint", "--model", gaugan, "--labels", file, "--backend", "wasm", ...args]);

  test("labels and instances of 16 bits become PyTorch's picture", async () => {
    const out = join(folder, "painted.png");
    const instances = await png("instances.png", Uint16Array.from(await expected.numbers("instance")));
    const { code, stdout } = await paint(
      await png("labels.png", await labels()),
      "--instances",
      instances,
      "--out",
      out,
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ out, width, height });
    const { data } = decode(await readFile(out), { checkCrc: true });
    const image = await expected.numbers("image"); // [1, 3, h, w], −1 … 1
    const pixels = width * height;
    const reference = Float32Array.from(data, (_, i) => 127.5 * (image[(i % 3) * pixels + Math.floor(i / 3)] + 1));
    expectClose(data, reference, 0.51);
  });

  test("edited labels are painted by blocks, with the costs", async () => {
    const before = Uint8Array.from({ length: width * height }, (_, i) => (i < (width * height) / 2 ? 23 : 7));
    const after = before.slice();
    for (let row = 10; row < 16; row++) after.fill(26, row * width + 8, row * width + 16);
    const [first, second] = [await png("before.png", before), await png("after.png", after)];
    const [out, whole] = ["repainted", "whole"].map((name) => join(folder, `${name}.png`));
    expect((await paint(second, "--out", whole)).code).toBe(0);
    const { code, stdout } = await paint(first, "--edited-labels", second, "--out", out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/GauGAN \d+×\d+, 6→4 +\d+ of \d+ blocks/);
    expect(stdout).toMatch(/multiply-adds, counted +whole .* blocks .*×/);
    expect(stdout).toMatch(/time, measured +whole .* blocks .*×/);
    expect(stdout).toMatch(/PSNR to the edit as a whole +[\d.]+ dB/);
    const [a, b] = await Promise.all(
      [out, whole].map(async (file) => Uint8Array.from(decode(await readFile(file)).data)),
    );
    const error = a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length;
    expect(10 * Math.log10(255 ** 2 / error)).toBeGreaterThan(25);
    const same = failed(await paint(first, "--edited-labels", first, "--out", out), 1);
    expect(same).toContain("The labels are the same");
  });

  test("Cityscapes' colours are labels, and edges follow from them", async () => {
    const [sky, road] = [
      [70, 130, 180],
      [128, 64, 128],
    ];
    const upper = (i: number) => i < (width * height) / 2;
    const grey = Uint8Array.from({ length: width * height }, (_, i) => (upper(i) ? 23 : 7));
    const coloured = Uint8Array.from([...grey].flatMap((_, i) => (upper(i) ? sky : road)));
    const pictures = [await png("grey.png", grey), await png("coloured.png", coloured, 3)].map(async (file, i) => {
      const out = join(folder, `scene${i}.png`);
      expect((await paint(file, "--out", out)).code).toBe(0);
      return readFile(out);
    });
    const [first, second] = await Promise.all(pictures);
    expect(first.equals(second)).toBe(true);
  });

  test("what does not fit is a user's error", async () => {
    const known = await png("known.png", await labels());
    const unknown = await png("unknown.png", (await labels()).fill(40, 5, 6));
    const small = await png("small.png", new Uint8Array(64), 1, { width: 8, height: 8 });
    const red = await png("red.png", new Uint8Array(3 * width * height).fill(1), 3);
    const out = join(folder, "none.png");
    const error = async (...args: [string, ...string[]]) => failed(await paint(...args, "--out", out), 1);
    expect(await error(unknown)).toContain("column 5, row 0 is 40, but this model knows 0 … 34");
    expect(await error(small)).toContain(`small.png is 8×8, but this model paints ${width}×${height}`);
    expect(await error(known, "--instances", small)).toContain(`small.png is 8×8, but ${known} ${width}×${height}`);
    expect(await error(red)).toContain("#010101 at column 0, row 0 is no colour");
    expect(await error(join(root, "README.md"))).toContain("is not a PNG file");
    expect(failed(await tessera(["paint", "--model", tiny, "--labels", known, "--out", out]), 1)).toContain(
      "config.json",
    );
    expect(existsSync(out)).toBe(false);
  });
});

describe.concurrent("inspect", () => {
  test("sd15 has the published numbers", async () => {
    const { code, stdout } = await tessera(["inspect", "sd15", "--json"]);
    expect(code).toBe(0);
    const { components } = JSON.parse(stdout);
    const facts = fixtureJson<Record<string, { params: number; macs_conv_linear_matmul: number }>>("facts.json");
    const rows = {
      text_encoder: facts["SD1.5 text encoder (CLIP ViT-L/14 text), 1x77 tokens"],
      unet: facts["SD1.5 UNet, 64x64 latents, batch 1"],
      vae_encoder: facts["SD1.5 VAE encoder, 512x512 -> 64x64"],
      vae_decoder: facts["SD1.5 VAE decoder, 64x64 latents -> 512x512"],
    };
    for (const [component, { params, macs_conv_linear_matmul: macs }] of Object.entries(rows)) {
      expect(components[component].parameters, component).toBe(params);
      expect(components[component].macs.total, component).toBe(macs);
      expect(components[component].activationBytes).toBeLessThan(components[component].naiveBytes);
    }
    expect(components.vae.parameters).toBe(83_653_863);
  });

  test.each([
    ["sd15-inpainting", "unet", 859_535_364, 401.696],
    ["sd2", "unet", 865_910_724, 402.129],
    ["controlnet-sd15", "controlnet", 361_279_120, 141.646],
    ["mobilediffusion", "unet", 386_292_552, 184.827],
    ["mobilediffusion-lite", "unet", 272_822_600, 154.206],
    ["ddpm-church-256", "unet", 113_673_219, 248.51],
    ["ddpm-cifar10", "unet", 35_746_307, 6.222],
    ["ddpm-celeba64", "unet", 78_700_803, 24.051],
    ["pd-church-128", "unet", 139_578_502, 66.8],
    ["pd-church-256", "unet", 141_312_390, 118.73],
    ["gaugan-cityscapes", "generator", 93_048_003, 281.28],
    ["gaugan-coco", "generator", 97_480_899, 191.14],
    ["gaugan-0.19", "generator", 3_440_823, 13.233],
    ["gaugan-compressed:32_32_32_48_32_24_24_32", "generator", 20_174_275, 31.155],
  ])("%s has the published numbers", async (name, component, parameters, gmacs) => {
    const { code, stdout, stderr } = await tessera(["inspect", name, "--json", "--backend", "null"]);
    expect(code, stderr).toBe(0);
    const found = JSON.parse(stdout).components[component];
    expect(found.parameters).toBe(parameters);
    expect(Math.abs(found.macs.total / (gmacs * 1e9) - 1)).toBeLessThan(0.001);
    const layers: { parameters: number }[] = found.layers;
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(parameters);
  });

  test.each([
    [["gaugan-compressed:32_32"], '"32_32", expected eight whole numbers'],
    [["gaugan-coco", "--component", "unet"], "gaugan-coco has no unet. It has generator."],
    [["sd2", "--component", "clip"], "sd2 has no clip. It has text_encoder, unet, vae_encoder, vae_decoder."],
    [["gaugan"], "There is no file or folder gaugan, and the architectures are sd15, sd15-inpainting,"],
  ])("%j is a user's error", async (args, message) => {
    expect(failed(await tessera(["inspect", ...args]), 1)).toContain(message);
  });

  test.each([
    [fixturePath("tiny-ddpm"), "unet: sample [1 3 64 64], timestep [1] → sample [1 3 64 64]"],
    [fixturePath("tiny-gaugan"), "generator: segmentation [1 36 128 256] → image [1 3 128 256]"],
    ["ddpm-cifar10", "unet: sample [1 3 48 64]"],
    ["controlnet-sd15", "controlnet: sample [1 4 6 8]"],
  ])("%s: models of any kind, by their config", async (model, line) => {
    const size = model.startsWith("/") ? [] : ["--size", "64x48"];
    const { stdout, stderr } = await tessera(["inspect", model, ...size]);
    expect(stdout, stderr).toContain(line);
  });

  test("a directory without weights, at another size, with its plan", async () => {
    const path = await mkdtemp(join(folder, "configs-"));
    await cp(tiny, path, { recursive: true, filter: (file) => !/safetensors/.test(file) });
    const args = ["inspect", path, "--component", "vae_decoder", "--size", "64x96", "--plan"];
    const { code, stdout } = await tessera(args);
    expect(code).toBe(0);
    expect(stdout).toContain("vae_decoder: latents [1 4 12 8] → sample [1 3 96 64]");
    expect(stdout).toMatch(/conv2d\.\S+ +decoder\.conv_in/);
  });
});

test("help and version", { concurrent: true }, async () => {
  const [help, version, about, nothing] = await Promise.all(
    [["--help"], ["--version"], ["help", "run"], []].map((args) => tessera(args)),
  );
  expect([help, version, about, nothing].map(({ code }) => code)).toEqual([0, 0, 0, 2]);
  expect(help.stdout).toContain("generate [options] [prompt]");
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(about.stdout).toContain("unet: sample [n c h w], timestep [n], encoder_hidden_states [n s e]");
});
