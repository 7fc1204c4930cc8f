import { expect, test } from "vitest";
import { examples, Settings } from "./settings.ts";

test("settings survive a trip through the address", () => {
  const there = new Settings();
  there.fields.p.value = "a tower & a church, 100 % snow #1";
  there.fields.seed.value = "";
  there.fields.w.value = "96";
  const back = new Settings(`#${there.hash.value}`);
  expect(back.fields.seed.value).toBe("");
  expect(back.request()).toMatchObject({
    prompt: "a tower & a church, 100 % snow #1",
    steps: 20,
    guidance: 6,
    width: 96,
  });
  expect(back.request()).not.toHaveProperty("height");
});

test("what an address leaves out starts as usual; an empty seed is a new one each time", () => {
  const settings = new Settings("#seed=&nonsense=1");
  expect(settings.request().prompt).toBe(Object.values(examples)[0]);
  expect(settings.request().seed).not.toBe(settings.request().seed);
  expect(new Settings().request().seed).toBe(101);
});
