// A page from a file in headless Chromium, for tests: an error on it, or a request to the network, is a fault.
//
// needs playwright-core, in a folder that NODE_MODULES names, and Chromium (CHROMIUM, or /usr/bin/chromium).
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/// Opens `file` and hands the page to `test`; says so if nothing is wrong.
export async function open(file, test) {
  const require = createRequire(resolve(process.env.NODE_MODULES ?? "node_modules", "index.js"));
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const faults = [];
    page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("request", (request) => {
      if (!/^(file|data|blob):/.test(request.url())) faults.push(`asks the network for ${request.url()}`);
    });
    await page.goto(pathToFileURL(resolve(file)).href);
    await test(page, (selector) => page.locator(selector).textContent());
    assert.deepEqual(faults, []);
    console.log(`ok: ${file} in ${browser.version()}`);
  } finally {
    await browser.close();
  }
}

/// The page is no wider than a phone.
export async function fitsPhone(page) {
  await page.setViewportSize({ width: 380, height: 700 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(width <= 380, `${width} pixels wide on a phone of 380`);
  await page.setViewportSize({ width: 1200, height: 900 });
}
