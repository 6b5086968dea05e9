// Opens a report of `heedful inspect` on a language model in headless Chromium: no error, pointer and keys work.
//
//   node web/language_report.test.mjs report.html screenshot.png
//
// needs what browser.mjs does.
import assert from "node:assert/strict";
import { fitsPhone, open } from "./browser.mjs";

const [report, screenshot] = process.argv.slice(2);
assert(report && screenshot, "usage: node language_report.test.mjs report.html screenshot.png");
await open(report, async (page, text) => {
  const map = page.locator("#map");
  await map.scrollIntoViewIfNeeded();
  const box = await map.boundingBox();
  // Right of the tokens' names, the lower left half of a causal map.
  await page.mouse.move(box.x + 0.4 * box.width, box.y + 0.9 * box.height);
  const pointed = await text("#readout");
  assert.match(pointed, /^query \d+ “.+”, key \d+ “.+”: weight \d\.\d{3}$/);

  await map.focus();
  await page.keyboard.press("ArrowUp");
  assert.notEqual(await text("#readout"), pointed, "arrow keys move");
  await page.keyboard.press("ArrowDown");
  assert.equal(await text("#readout"), pointed);

  const pixels = () => map.evaluate((canvas) => canvas.toDataURL());
  const [title, drawn] = [await text("#title"), await pixels()];
  await page.keyboard.press("PageDown");
  assert.notEqual(await text("#title"), title, "Page Down shows the next head");
  assert.notEqual(await pixels(), drawn);
  await page.keyboard.press("PageUp");
  assert.equal(await text("#title"), title);
  await page.locator("#recording").selectOption("1");
  assert.notEqual(await text("#title"), title, "another text");

  await fitsPhone(page);
  await page.screenshot({ path: screenshot, fullPage: false });
});
