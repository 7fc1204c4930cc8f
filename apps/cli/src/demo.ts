import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { generatePicture } from "./generate.ts";
import { command, type SharedOptions, type Surroundings } from "./options.ts";

const prompt = "a red house and two pine trees under a night sky";

/** `tessera demo`: the checkpoint that ships with the repository makes a picture. */
export function demoCommand(surroundings: Surroundings): Command {
  return command("demo", "make a picture with the checkpoint that ships with the repository")
    .option("--out <file>", "where the picture goes (PNG)", join("out", "demo.png"))
    .action(async (options: SharedOptions & { out: string }) => {
      const model = relative("", fileURLToPath(new URL("../../../checkpoints/townscapes-sd", import.meta.url)));
      if (!options.json) console.log(`"${prompt}"\n  with ${model}, 20 steps, seed 101\n`);
      await mkdir(dirname(options.out), { recursive: true });
      const { summary, lines } = await generatePicture(
        prompt,
        { ...options, model, seed: 101, guidance: 6 },
        surroundings,
      );
      if (options.json) return console.log(JSON.stringify(summary, null, 2));
      console.log(`${lines.join("\n")}\n\nThe picture is in ${options.out}.`);
      console.log(
        'Your own: npm run tessera -- generate "a white church on snow at sunset" --model ' +
          `${model} --out out/mine.png`,
      );
      console.log("In the browser: npm run playground");
    });
}
