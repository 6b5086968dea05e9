// Opens a report of `heedful inspect` in headless Chromium: no error, hovering, zoom and keys work, nothing is loaded.
//
//   node web/report.test.mjs report.html screenshot.png
//
// needs what browser.mjs does.
import assert from "node:assert/strict";
import { fitsPhone, open } from "./browser.mjs";

const [report, screenshot] = process.argv.slice(2);
assert(report && screenshot, "usage: node report.test.mjs report.html screenshot.png");
await open(report, async (page, text) => {
  const map = page.locator("#map");
  await map.scrollIntoViewIfNeeded();
  const box = await map.boundingBox();
  const spot = async (x, y) => {
    await page.mouse.move(box.x + 62 + x * (box.width - 70), box.y + box.height - 44 - y * (box.width - 70));
    return text("#readout");
  };
  const pattern = /^query at .+, key at .+: weight \d\.\d{3}$/;
  const first = await spot(0.2, 0.8);
  assert.match(first, pattern);
  const second = await spot(0.7, 0.3);
  assert.match(second, pattern);
  assert.notEqual(second, first, "hovering elsewhere says something else");

  // What is under the pointer stays there when it is zoomed: the same cell, on other pixels.
  const pixels = () => map.evaluate((canvas) => canvas.toDataURL());
  const whole = await pixels();
  await page.locator("#in").click();
  const zoomed = await pixels();
  assert.notEqual(zoomed, whole, "zoom");
  assert.equal(await text("#readout"), second);
  await page.locator("#all").click();
  assert.equal(await pixels(), whole, "all again");

  await map.focus();
  await page.keyboard.press("ArrowLeft");
  assert.notEqual(await text("#readout"), second, "arrow keys move");
  await page.keyboard.press("ArrowRight");
  assert.equal(await text("#readout"), second);
  await page.keyboard.press("+");
  assert.notEqual(await pixels(), whole, "+ zooms");
  await page.keyboard.press("0");
  const title = await text("#title");
  await page.keyboard.press("PageDown");
  assert.notEqual(await text("#title"), title, "Page Down shows the next head");
  await page.keyboard.press("PageUp");
  assert.equal(await text("#title"), title);

  // Another recording, and with it what the model depends on.
  const shown = () => page.locator("#flows > figure:visible").count();
  assert.equal(await shown(), 1);
  await page.locator("#recording").selectOption("1");
  assert.notEqual(await text("#title"), title);
  assert.equal(await shown(), 1);
  assert.equal(await page.locator("#flow-recording").inputValue(), "1");
  for (const mean of ["mean", "spread", "normed"]) await page.locator("#recording").selectOption(mean);
  await page.locator("#recording").selectOption("0");
  await page.locator("#table").click();
  assert(await page.locator("#weights tr").count() > 10, "weights as a table");
  await page.locator("#table").click();

  await fitsPhone(page);
  // The picture of the README: what head 1.2 attends to when someone says "seven".
  const recordings = page.locator("#recording option");
  const seven = (await recordings.allTextContents()).findIndex((name) => name.startsWith("7_theo"));
  if (seven >= 0) await page.locator("#recording").selectOption({ index: seven });
  await map.focus();
  for (let head = 0; head < 5; head += 1) await page.keyboard.press("PageDown");
  await page.screenshot({ path: screenshot, fullPage: false });
});
