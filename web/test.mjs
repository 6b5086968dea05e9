// The page's program under node, and the page in a browser:
//
//   node web/test.mjs PAGE WORK             the program alone
//   node web/test.mjs PAGE WORK CHROMIUM    the page
//
// `cargo xtask web --test` builds the page, writes what the host hears into WORK, and runs both.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { argv } from "node:process";

const [page, work] = argv.slice(2, 4).map((path) => resolve(path));
const browserName = argv[4];
const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..");

const expected = JSON.parse(await readFile(join(work, "events.json"), "utf8"));
const essence = (events) => events.map(({ class: label, start, end, score }) => [label, start, end, score]);

async function test(name, task) {
  try {
    await task();
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
  console.log(`ok: ${name}`);
}

// ---- Under node. The page's files are modules, though node's rules want a package that says so.

async function modules(...names) {
  const text = async (name) => (await readFile(join(page, name), "utf8"));
  const address = (text) => `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
  const load = async (name) => import(address(await text(name)));
  return Promise.all(names.map(load));
}

async function program() {
  const [{ Engine, Refused }, { Ring }, { Sound }] = await modules("engine.js", "ring.js", "sound.js");
  const module = await WebAssembly.compile(await readFile(join(page, "heedful_web.wasm")));
  const model = await readFile(join(page, "digits_nothing.heed"));
  const engine = (bytes = model) => {
    const own = new Engine(module);
    return { own, facts: own.load(bytes) };
  };

  await test("the program has the kernels of simd128 and imports nothing", () => {
    assert.deepEqual(WebAssembly.Module.imports(module), []);
    assert.equal(engine().facts.backend, "wide");
  });
  await test("the bits of the golden file", async () => {
    const golden = JSON.parse(await readFile(join(page, "golden.json"), "utf8"));
    assert.equal(golden.clips.length, 3);
    const { own } = engine();
    for (const clip of golden.clips) {
      const { samples } = own.recording(await readFile(join(page, "clips", clip.file)));
      assert.deepEqual(own.look(samples).logits, clip.logits);
    }
  });
  await test("the events of the host, from recordings of two rates, in pieces of any size", async () => {
    const { own, facts } = engine();
    for (const [file, events] of Object.entries(expected)) {
      const { samples, rate } = own.recording(await readFile(join(work, file)));
      assert.equal(rate, file === "words.wav" ? 8000 : 9600);
      for (const size of [facts.cadence, 1234, samples.length]) {
        own.begin();
        const found = [];
        for (let at = 0; at < samples.length; at += size) {
          found.push(...own.push(samples.subarray(at, at + size)).events);
        }
        found.push(...own.end().events);
        assert.deepEqual(essence(found), events);
      }
      assert.ok(events.length >= 5, `${file}: ${events.length} events`);
    }
  });
  await test("a look at a moment gives the scores that were heard there", async () => {
    for (const name of ["digits_nothing", "digits_stream"]) {
      const { own, facts } = engine(await readFile(join(root, "models", `${name}.heed`)));
      const { samples } = own.recording(await readFile(join(work, "words.wav")));
      const sound = new Sound(samples.length);
      sound.push(samples.subarray(0, 999));
      sound.push(samples.subarray(999));
      own.begin();
      const scored = own.push(samples).scored.filter(({ scores }, i) => scores.length > 0 && i % 9 === 0);
      assert.ok(scored.length > 5);
      for (const { at, scores } of scored) assert.deepEqual(own.look(sound.around(at, facts)).scores, scores, name);
    }
  });
  await test("errors in words", async () => {
    const bad = new Uint8Array(model);
    bad[30_000] ^= 1;
    const refused = (bytes, words) => assert.throws(() => engine(bytes), (error) =>
      error instanceof Refused && words.test(error.message) || assert.fail(`${error}`));
    refused(bad, /checksum/);
    refused(new Uint8Array(0), /empty/);
    refused(new Uint8Array(model).subarray(0, 5000), /bytes/);
    refused(await readFile(join(root, "models/gesture.heed")), /sound only/);
    assert.throws(() => new Engine(module).begin(), /there is no model/);
    assert.throws(() => engine().own.push(new Int16Array(9)), /nothing is being heard/);
    assert.throws(() => engine().own.recording(new Uint8Array([1, 2, 3])), Refused);
  });
  await test("the ring counts what is lost", () => {
    const ring = new Ring(8);
    const block = (from) => Float32Array.from({ length: 3 }, (_, i) => from + i);
    ring.push(block(0));
    ring.push(block(3));
    ring.push(block(6));
    assert.equal(ring.lost(), 0);
    assert.deepEqual([...ring.take(4)], [0, 1, 2, 3]);
    ring.push(block(9));
    assert.deepEqual([...ring.take(9)], [4, 5]);
    assert.equal(ring.lost(), 6);
    assert.equal(ring.lost(), 0);
    ring.push(block(12));
    ring.push(block(15));
    assert.deepEqual([...ring.take(9)], [12, 13, 14, 15, 16, 17]);
  });
  await test("a long sound keeps its end", () => {
    const sound = new Sound(100);
    for (let at = 0; at < 1000; at += 10) sound.push(Int16Array.from({ length: 10 }, (_, i) => at + i));
    assert.equal(sound.length, 1000);
    const around = sound.around(990, { window: 20, lookback: 20 });
    assert.deepEqual([...around], Array.from({ length: 20 }, (_, i) => 980 + i));
    assert.deepEqual([...sound.around(1000, { window: 4, lookback: 4 })], [998, 999, 0, 0]);
  });
  await test("sound of another rate", () => {
    const { own } = engine();
    own.convertFrom(48_000);
    let count = 0;
    let peak = 0;
    for (let at = 0; at < 48_000; at += 1000) {
      const part = own.convert(Float32Array.from({ length: 1000 }, (_, i) => 0.5 * Math.sin((at + i) / 48_000 * 6000)));
      count += part.length;
      for (const sample of part) peak = Math.max(peak, sample);
    }
    assert.ok(count > 7500 && count <= 8200, `${count} samples`);
    assert.ok(Math.abs(peak - 16_384) < 400, `peak ${peak}`);
  });
}

// ---- In a browser.

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json",
  ".wasm": "application/wasm", ".wav": "audio/wav",
};

/** Static files, as any server gives them. */
function serve() {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://page").pathname);
    try {
      const file = join(page, path.endsWith("/") ? "index.html" : path);
      const bytes = await readFile(file);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

async function inBrowser() {
  const { chromium } = createRequire(join(work, "x.js"))("playwright-core");
  const server = await serve();
  const address = `http://127.0.0.1:${server.address().port}/`;
  const launch = (args) => chromium.launch({
    executablePath: browserName.includes("/") ? browserName : which(browserName), args: ["--no-sandbox", ...args],
  });
  const fake = `--use-file-for-fake-audio-capture=${join(work, "words.wav")}`;
  const browser = await launch(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", fake]);
  const problems = [];
  const watch = (tab) => {
    tab.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    tab.on("pageerror", (error) => problems.push(String(error)));
  };
  try {
    const context = await browser.newContext({ viewport: { width: 1200, height: 1600 } });
    const tab = await context.newPage();
    watch(tab);
    await tab.goto(address);
    await theBits(tab);
    await aRecording(tab);
    await theHeads(tab);
    await tab.screenshot({ path: join(work, "page.png"), fullPage: true });
    await otherKinds(tab);
    await otherModels(tab);
    await theMicrophone(tab);
    await offline(context, tab, server);
    await onAPhone(tab);
  } catch (error) {
    for (const tab of browser.contexts().flatMap((context) => context.pages())) {
      await tab.screenshot({ path: join(work, "failed.png"), fullPage: true });
      console.error(`status: ${await text(tab, "status")}\nerror: ${await text(tab, "wrong")}`, problems);
    }
    throw error;
  } finally {
    await browser.close();
    server.close();
  }
  await whatIsMissing(launch, watch);
  await test("no error and no warning on the console", () => assert.deepEqual(problems, []));
}

/** The path of a program. */
function which(name) {
  const folders = process.env.PATH.split(":");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? name;
}

const text = (tab, id) => tab.locator(`#${id}`).innerText();
const settled = (tab) => tab.waitForFunction(() => document.body.dataset.state === "ended", null, { timeout: 60_000 });
const isWrong = async (tab, words) => {
  await tab.waitForFunction(() => !document.getElementById("wrong").hidden, null, { timeout: 30_000 });
  assert.match(await text(tab, "wrong"), words);
};
const isRight = async (tab) => assert.ok(await tab.locator("#wrong").isHidden(), await text(tab, "wrong"));

/** Drops a file on the page, as a user does. */
async function drop(tab, name, bytes) {
  await tab.evaluate(({ name, base64 }) => {
    document.body.dataset.state = "busy";
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, { name, base64: Buffer.from(bytes).toString("base64") });
}

/** The events of the page's table. */
const heard = (tab) => tab.evaluate(() => [...document.querySelectorAll("#events tr")].map(({ dataset }) =>
  [dataset.class, dataset.start, dataset.end, dataset.score].map(Number)));

async function theBits(tab) {
  await test("the bundled clips give the bits of the host", async () => {
    await tab.waitForFunction(() => document.querySelectorAll("#bits tbody tr").length === 6);
    assert.equal(await text(tab, "bits-said"), "3 of 3 recordings give the same bits here as on the host.");
    const same = await tab.locator("#bits tbody tr:nth-child(even) td:last-child").allInnerTexts();
    assert.deepEqual(same, ["yes", "yes", "yes"]);
    const { clips } = JSON.parse(await readFile(join(page, "golden.json"), "utf8"));
    const logits = await tab.locator("#bits tbody tr:nth-child(even) td:nth-child(3)").allInnerTexts();
    assert.deepEqual(logits, clips.map((clip) => clip.logits.join(" ")));
  });
  await test("the sizes are said", async () => {
    assert.match(await text(tab, "sizes"), /^The page has [\d,]+ KB in all, \d+ KB of them WebAssembly\.$/);
  });
}

async function aRecording(tab) {
  for (const [file, events] of Object.entries(expected)) {
    await test(`${file}, dropped, gives the events of the host`, async () => {
      await drop(tab, file, await readFile(join(work, file)));
      await settled(tab);
      await isRight(tab);
      assert.deepEqual(await heard(tab), events);
    });
  }
  await drop(tab, "words.wav", await readFile(join(work, "words.wav")));
  await settled(tab);
}

async function theHeads(tab) {
  await test("heads are drawn and can be walked over by keys", async () => {
    await tab.waitForFunction(() => document.getElementById("heads").dataset.at !== undefined);
    assert.deepEqual(await tab.locator("#heads button").allInnerTexts(),
      ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2"]);
    const colours = await tab.evaluate(() => [...document.querySelectorAll("#heads canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }));
    assert.equal(colours.length, 9);
    assert.ok(colours.every((count) => count > 10), `colours: ${colours}`);
    await tab.locator("#heads button").nth(7).click();
    assert.equal(await text(tab, "head-name"), "Head 2.1");
    await tab.locator("#head").focus();
    await tab.keyboard.press("ArrowDown");
    await tab.keyboard.press("ArrowRight");
    assert.match(await text(tab, "readout"), /^\d\.\d\d s looks at \d\.\d\d s: [01]\.\d{3} of its attention$/);
  });
  await test("pointing shows a weight", async () => {
    const before = await text(tab, "readout");
    await tab.locator("#head").hover({ position: { x: 200, y: 260 } });
    assert.notEqual(await text(tab, "readout"), before);
  });
  await test("another moment shows other weights", async () => {
    const before = await tab.evaluate(() => document.getElementById("heads").dataset.at);
    const scores = await text(tab, "scores");
    await tab.locator("#moment").focus();
    for (let i = 0; i < 12; i++) await tab.keyboard.press("ArrowRight");
    await tab.waitForFunction((before) => document.getElementById("heads").dataset.at !== before, before);
    assert.notEqual(await text(tab, "scores"), scores);
  });
}

async function otherKinds(tab) {
  for (const file of ["seven.flac", "seven.mp3", "seven.ogg"]) {
    await test(`${file}, which the browser decodes`, async () => {
      await drop(tab, file, await readFile(join(root, "recordings/tests/fixtures", file)));
      await settled(tab);
      await isRight(tab);
      assert.deepEqual((await heard(tab)).map(([label]) => label), [7]);
    });
  }
  await test("what is no recording is said to be none", async () => {
    await drop(tab, "notes.txt", Buffer.from("no recording at all"));
    await isWrong(tab, /^notes\.txt: .*browser cannot read it either/);
  });
  await test("a clip of the list", async () => {
    await tab.locator("body").evaluate((body) => { body.dataset.state = "busy"; });
    await tab.selectOption("#clip", { index: 1 });
    await settled(tab);
    await isRight(tab);
    assert.equal((await heard(tab)).length, 1);
  });
}

async function otherModels(tab) {
  const model = await readFile(join(page, "digits_nothing.heed"));
  const damaged = Buffer.from(model);
  damaged[30_000] ^= 1;
  const wrong = [
    ["damaged.heed", damaged, /^The model: .*checksum/],
    ["short.heed", model.subarray(0, 1000), /^The model: .*bytes/],
    ["empty.heed", Buffer.alloc(0), /^The model: the file is empty/],
    ["gesture.heed", await readFile(join(root, "models/gesture.heed")), /^The model: .*sound only/],
  ];
  for (const [name, bytes, words] of wrong) {
    await test(`${name} is refused in words, and the model before stays`, async () => {
      await drop(tab, name, bytes);
      await isWrong(tab, words);
      assert.match(await text(tab, "model"), /^digits_nothing\.heed: 61,728 bytes/);
    });
  }
  for (const name of ["digits_stream", "commands"]) {
    await test(`${name}.heed`, async () => {
      await drop(tab, `${name}.heed`, await readFile(join(root, "models", `${name}.heed`)));
      await tab.waitForFunction((name) => document.getElementById("model").innerText.startsWith(name), name);
      await isRight(tab);
      await drop(tab, "words.wav", await readFile(join(work, "words.wav")));
      await settled(tab);
      await isRight(tab);
      if (name === "digits_stream") assert.ok((await heard(tab)).length > 5);
      await tab.waitForFunction(() => /of its attention$/.test(document.getElementById("readout").innerText));
    });
  }
  await test("a report opens, apart from the page", async () => {
    await drop(tab, "report.html", Buffer.from("<title>r</title><h1>Heads of digits</h1>"));
    await tab.frameLocator("#report-page").locator("h1").waitFor();
    assert.equal(await tab.locator("#report-page").getAttribute("sandbox"), "allow-scripts");
  });
  await test("back to the bundled model", async () => {
    await tab.locator("#bundled").press("Enter");
    await tab.waitForFunction(() => document.getElementById("model").innerText.startsWith("digits_nothing"));
  });
}

async function theMicrophone(tab) {
  await test("words of a microphone are heard as they are spoken", async () => {
    await tab.locator("#microphone").click();
    await tab.waitForFunction(() => document.querySelectorAll("#events tr").length >= 3, null, { timeout: 60_000 });
    assert.notEqual(await text(tab, "decibels"), "no sound");
    await tab.locator("body").evaluate((body) => { body.dataset.state = "busy"; });
    await tab.locator("#microphone").click();
    await settled(tab);
    await isRight(tab);
    const labels = (await heard(tab)).map(([label]) => label);
    // The words are counted up; where the recording begins is up to the browser.
    const steps = labels.slice(1).map((label, i) => (label - labels[i] + 10) % 10);
    assert.ok(steps.filter((step) => step <= 2 && step > 0).length >= steps.length - 1, `${labels}`);
  });
}

async function offline(context, tab, server) {
  await test("it works without a network", async () => {
    await tab.waitForFunction(() => document.getElementById("offline").innerText.startsWith("Stored"));
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await tab.reload();
    await tab.waitForFunction(() => document.getElementById("bits-said").innerText.startsWith("3 of 3"));
    await drop(tab, "words.wav", await readFile(join(work, "words.wav")));
    await settled(tab);
    assert.deepEqual(await heard(tab), expected["words.wav"]);
  });
}

async function onAPhone(tab) {
  await test("it fits a phone", async () => {
    await tab.setViewportSize({ width: 360, height: 740 });
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
    await tab.screenshot({ path: join(work, "phone.png"), fullPage: true });
  });
  await test("every control has a name", async () => {
    const nameless = await tab.evaluate(() => [...document.querySelectorAll("button, input, select, canvas[tabindex]")]
      .filter((control) => !(control.innerText.trim() || control.ariaLabel || control.labels?.length))
      .map((control) => control.outerHTML));
    assert.deepEqual(nameless, []);
  });
}

/** Another browser, without a device; then servers that lack a file. */
async function whatIsMissing(launch, watch) {
  const server = await serve();
  const address = `http://127.0.0.1:${server.address().port}/`;
  const browser = await launch([]);
  try {
    const tab = await browser.newPage();
    watch(tab);
    await tab.goto(address);
    await tab.waitForFunction(() => document.getElementById("status").innerText.startsWith("Ready"));
    await test("no microphone, in words", async () => {
      await tab.locator("#microphone").click();
      await isWrong(tab, /^The microphone: /);
    });
    for (const [file, words] of [
      ["digits_nothing.heed", /^The recording: there is no model to hear it with/],
      ["heedful_web.wasm", /^The recording: the program is not there/],
    ]) {
      await test(`without ${file}, in words`, async () => {
        // The browser itself writes of the answer on the console: this page is not watched.
        const own = await (await browser.newContext({ serviceWorkers: "block" })).newPage();
        await own.route(`**/${file}`, (route) => route.fulfill({ status: 404 }));
        await own.goto(address);
        await isWrong(own, new RegExp(`${file}: 404`));
        await drop(own, "words.wav", await readFile(join(work, "words.wav")));
        await settled(own);
        await isWrong(own, words);
        await own.locator("#microphone").click();
        await isWrong(own, /^The microphone: there is no model to hear it with/);
      });
    }
  } finally {
    await browser.close();
    server.close();
  }
}

if (browserName) await inBrowser();
else await program();
