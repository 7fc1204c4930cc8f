import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { asJson } from "./asJson.ts";
import { checkFolder } from "./checkTarget.ts";
import { editPicture } from "./edit.ts";
import { generatePicture } from "./generate.ts";
import { command, type SharedOptions, type Surroundings } from "./options.ts";
import { readImage } from "./readImage.ts";
import { UserError } from "./UserError.ts";
import type { Image } from "@tessera/pipelines";

const prompt = "a red house and two pine trees under a night sky";

/** `tessera demo`: the checkpoint that ships with the repository makes a picture. */
export function demoCommand(surroundings: Surroundings): Command {
  return command("demo", "make a picture with the checkpoint that ships with the repository")
    .option("--out <file>", "where the picture goes (PNG)", join("out", "demo.png"))
    .action(async (options: SharedOptions & { out: string }) => {
      const model = relative("", fileURLToPath(new URL("../../../checkpoints/townscapes-sd", import.meta.url)));
      if (!existsSync(model))
        throw new UserError(
          `The demo's model comes with the repository: run the demo in a clone of it (looked for ${model}).`,
        );
      if (!options.json) console.log(`"${prompt}"\n  with ${model}, 20 steps, seed 101\n`);
      await checkFolder(dirname(options.out));
      const { summary, lines } = await generatePicture(
        prompt,
        { ...options, model, seed: 101, guidance: 6 },
        surroundings,
      );
      if (options.json) return console.log(asJson(summary));
      console.log(`${lines.join("\n")}\n\nThe picture is in ${options.out}.`);

      const image = await readImage(options.out);
      const out = options.out.replace(/(\.png)?$/, "-edited.png");
      console.log("\nNow a few strokes of a brush on it, and only what they touch is computed again:\n");
      const settings = { ...options, out, model, prompt, seed: 101, guidance: 6 };
      const { lines: report } = await editPicture({ image, edited: withMoon(image) }, settings, surroundings);
      console.log(`${report.join("\n")}\n\nThe edited picture is in ${out}.`);

      console.log(
        'Your own: npm run tessera -- generate "a white church on snow at sunset" --model ' +
          `${model} --out out/mine.png`,
      );
      console.log("In the browser: npm run playground");
    });
}

/** The picture with a disc of yellow brushed on, top left. */
function withMoon({ width, height, data }: Image): Image {
  const painted = data.slice();
  const [row, column, radius] = [height / 6, width / 6, Math.min(width, height) / 14];
  for (let i = 0; i < width * height; i++)
    if (Math.hypot(Math.floor(i / width) - row, (i % width) - column) < radius) painted.set([250, 240, 170], 4 * i);
  return { width, height, data: painted };
}
