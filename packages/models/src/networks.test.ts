import { fixtureJson } from "@tessera/testing";
import { expect, test } from "vitest";
import { architecture, architectures } from "./architectures.ts";
import { networksOf } from "./networks.ts";

const { unet_config } = fixtureJson<{ unet_config: object }>("tiny-ddpm/diffusers_layout.json");

test.each([
  ["tiny-sd/unet", fixtureJson("tiny-sd/unet/config.json"), ["unet"], "sample timestep encoder_hidden_states"],
  ["tiny-sd/vae", fixtureJson("tiny-sd/vae/config.json"), ["vae_encoder", "vae_decoder"], "sample"],
  ["tiny-sd/text_encoder", fixtureJson("tiny-sd/text_encoder/config.json"), ["text_encoder"], "input_ids"],
  ["ermongroup/ddim's", fixtureJson("tiny-ddpm/config.json"), ["unet"], "sample timestep"],
  ["diffusers' UNet2DModel", unet_config, ["unet"], "sample timestep"],
  ["NVlabs/SPADE's", fixtureJson("tiny-gaugan/config.json"), ["generator"], "segmentation"],
])("the config %s says what it describes", (_, json, names, inputs) => {
  const networks = networksOf(json as object);
  expect(Object.keys(networks)).toEqual(names);
  const [first] = Object.values(networks);
  expect([...first.graph().inputs.keys()].join(" ")).toBe(inputs);
});

test("something else is refused", () => {
  expect(() => networksOf({ model_type: "llama" })).toThrow("A config.json with model_type describes no network");
});

test.each([...Object.keys(architectures), "gaugan-compressed:1_1_1_1_1_1_1_1"])(
  "%s: declared inputs are its graph's, letter for number",
  (name) => {
    for (const network of Object.values(architecture(name)!)) {
      const { inputs } = network.graph();
      expect([...inputs.keys()]).toEqual(Object.keys(network.inputs));
      for (const [input, letters] of Object.entries(network.inputs))
        expect(inputs.get(input)!.shape.length, input).toBe(letters.split(" ").length);
    }
  },
);
