import { countMacs, countParameters } from "@tessera/kernels";
import { componentGraph, sd15 } from "@tessera/models";

// The networks of Stable Diffusion 1.5 at 512×512, counted without weights and without a device.
const graphs = {
  text_encoder: componentGraph({ component: "text_encoder", config: sd15.text_encoder }),
  unet: componentGraph({ component: "unet", config: sd15.unet }),
  vae_encoder: componentGraph({ component: "vae_encoder", config: sd15.vae }),
  vae_decoder: componentGraph({ component: "vae_decoder", config: sd15.vae }),
};
for (const [name, graph] of Object.entries(graphs)) {
  const { total, byOp } = countMacs(graph);
  const parts = Object.entries(byOp).map(([op, macs]) => `${op} ${(macs / 1e9).toFixed(2)} G`);
  console.log(
    `${name}: ${countParameters(graph).toLocaleString("en")} parameters, ${(total / 1e9).toFixed(2)} G MACs (${parts.join(", ")})`,
  );
}
