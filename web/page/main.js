// The page: what is chosen, dropped or pressed goes to the worker, and what the worker hears is drawn.

import { showBits } from "./bits.js";
import { LEFT, timeline } from "./draw.js";
import { Heads } from "./heads.js";
import { decode, microphoneError, openMicrophone } from "./inputs.js";

const byId = (id) => document.getElementById(id);
const BUNDLED = "digits_nothing.heed";
/** Seconds of the microphone that are drawn. */
const SHOWN = 12;

const worker = new Worker("worker.js", { type: "module" });
let colours = null;
let heads = null;
let facts = null;
let golden = null;
let microphone = null;
let isLive = false;
/** The moment of a look that was asked for and has not come, and of the one to ask for then. */
let looking = null;
let wanted = null;
let heard = nothing();
let moment = null;

function nothing() {
  return { peaks: [], scored: [], events: [], length: 0 };
}

const say = (text) => { byId("status").textContent = text; };
const wrong = (text) => {
  byId("wrong").textContent = text;
  byId("wrong").hidden = !text;
};
const seconds = (samples) => (samples / facts.rate).toFixed(2);
const kilobytes = (bytes) => `${Math.round(bytes / 1000).toLocaleString("en")} KB`;

/** Does what may fail; says in words what went wrong. */
async function guarded(what, task) {
  try {
    await task();
  } catch (error) {
    wrong(`${what}: ${error.message}`);
  }
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response;
}

const bytesOf = async (path) => (await fetched(path)).arrayBuffer();

// ---- What the worker says.

const ANSWERS = {
  async ready(said) {
    colours = said.colours;
    heads = new Heads(colours);
    await Promise.all([loadBundled(), check()]);
  },
  model({ name, facts: said }) {
    facts = said;
    closeMicrophone();
    heads.of(facts);
    clear();
    const kind = facts.streams ? "takes a token at a time" : `looks at ${seconds(facts.window)} s at once`;
    byId("model").textContent = `${name}: ${facts.bytes.toLocaleString("en")} bytes, ${facts.rate} Hz, ` +
      `${facts.heads.length} blocks of ${[...new Set(facts.heads)].join(" or ")} heads, ${kind}, ` +
      `${facts.macs.toLocaleString("en")} multiply-accumulates, kernels "${facts.backend}".`;
    makeScores();
    say("Ready. Drop a recording, choose a clip, or use the microphone.");
    draw();
  },
  begun({ name, warnings, length }) {
    clear();
    isLive = name === "microphone";
    heard.expected = length;
    say([isLive ? "Listening." : `Hearing ${name}.`, ...warnings].join(" "));
  },
  heard({ peaks, scored, events, level, length }) {
    heard.peaks.push(...peaks);
    heard.scored.push(...scored);
    heard.events.push(...events);
    heard.length = length;
    if (isLive) {
      const oldest = length - SHOWN * facts.rate - facts.window;
      heard.peaks = heard.peaks.filter(({ at }) => at >= oldest);
      heard.scored = heard.scored.filter(({ at }) => at >= oldest);
      heard.events = heard.events.filter(({ end }) => end >= oldest);
    }
    if (peaks.length > 0) showLevel(level);
    events.forEach(addEvent);
    const last = scored.findLast(({ scores }) => scores.length > 0);
    if (last) {
      moment = last.at;
      showScores(last.scores);
    }
    soon();
  },
  look({ at, ...look }) {
    heads.show(look);
    byId("heads").dataset.at = at;
    if (at === looking) looking = null;
    if (looking === null && wanted !== null) ask();
  },
  lost({ lost }) {
    wrong(`${seconds(lost)} s of the microphone were lost: the model is too slow on this machine.`);
  },
  ended({ from, length }) {
    const events = byId("events").children.length;
    const count = `${events} ${events === 1 ? "event" : "events"}`;
    say(`${count} in ${seconds(length)} s of ${from === "microphone" ? "the microphone" : "sound"}.`);
    isLive = false;
    byId("level").value = -90;
    const range = byId("moment");
    const open = heard.scored.filter(({ scores }) => scores.length > 0);
    range.disabled = heard.scored.length === 0;
    range.max = Math.max(0, heard.scored.length - 1);
    // The surest moment of the first event is what one wants to see.
    const [event] = heard.events;
    const best = event ? open.reduce((a, b) => (b.scores[event.class] > a.scores[event.class] ? b : a)) : open[0];
    choose(heard.scored.indexOf(best ?? heard.scored[0]));
    document.body.dataset.state = "ended";
  },
  checked({ heard: here }) {
    showBits(golden, here, golden.labels);
  },
  async undecoded({ name, bytes, text }) {
    try {
      worker.postMessage({ type: "recording", name, ...(await decode(bytes, facts.rate)) });
    } catch {
      wrong(`${name}: ${text}; and the browser cannot read it either.`);
      document.body.dataset.state = "ended";
    }
  },
  wrong({ what, text }) {
    looking = wanted = null;
    if (what === "The microphone") closeMicrophone();
    wrong(`${what}: ${text}.`);
    document.body.dataset.state = "ended";
  },
};

worker.onmessage = ({ data }) => guarded("The page", () => ANSWERS[data.type](data));
worker.onerror = (event) => wrong(`The worker: ${event.message || "it cannot be started"}`);

// ---- Models, recordings, the microphone.

async function loadBundled() {
  worker.postMessage({ type: "load", name: BUNDLED, bytes: await bytesOf(BUNDLED) });
}

async function check() {
  golden = await (await fetched("golden.json")).json();
  byId("clip").append(...golden.clips.map(({ file }) => new Option(file, file)));
  const clip = async ({ file }) => ({ file, bytes: await bytesOf(`clips/${file}`) });
  const clips = await Promise.all(golden.clips.map(clip));
  worker.postMessage({ type: "check", bytes: await bytesOf(BUNDLED), clips });
}

function hear(name, file) {
  closeMicrophone();
  document.body.dataset.state = "busy";
  const audio = byId("audio");
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  audio.hidden = false;
  return file.arrayBuffer().then((bytes) => worker.postMessage({ type: "recording", name, bytes }));
}

async function take(file) {
  wrong("");
  const name = file.name.toLowerCase();
  const start = new TextDecoder().decode(await file.slice(0, 4).arrayBuffer());
  if (start === "HEED" || name.endsWith(".heed")) {
    worker.postMessage({ type: "load", name: file.name, bytes: await file.arrayBuffer() });
  } else if (name.endsWith(".html") || name.endsWith(".htm")) {
    byId("report-page").srcdoc = await file.text();
    byId("report").hidden = false;
    byId("report").scrollIntoView();
  } else {
    await hear(file.name, file);
  }
}

/** Models before recordings, so that both can be dropped at once. */
async function takeAll(files) {
  const isModel = (file) => (file.name.toLowerCase().endsWith(".heed") ? 0 : 1);
  for (const file of [...files].sort((a, b) => isModel(a) - isModel(b))) {
    await guarded(file.name, () => take(file));
  }
}

function closeMicrophone() {
  if (!microphone) return;
  microphone.close();
  microphone = null;
  byId("microphone").setAttribute("aria-pressed", "false");
  byId("microphone").textContent = "Use the microphone";
}

async function toggleMicrophone() {
  wrong("");
  if (microphone) {
    closeMicrophone();
    worker.postMessage({ type: "stop" });
    return;
  }
  if (!facts) {
    wrong("The microphone: there is no model to hear it with.");
    return;
  }
  try {
    microphone = await openMicrophone(() => {
      wrong("The microphone went away.");
      if (microphone) toggleMicrophone();
    });
  } catch (error) {
    wrong(`The microphone: ${microphoneError(error)}.`);
    return;
  }
  byId("audio").hidden = true;
  byId("microphone").setAttribute("aria-pressed", "true");
  byId("microphone").textContent = "Stop the microphone";
  const { port, rate } = microphone;
  worker.postMessage({ type: "microphone", port, rate }, [port]);
}

// ---- What is drawn.

function clear() {
  heard = nothing();
  moment = looking = wanted = null;
  isLive = false;
  byId("events").replaceChildren();
  byId("moment").disabled = true;
  byId("when").textContent = "";
}

function makeScores() {
  byId("scores").replaceChildren(...facts.labels.map((label) => {
    const row = document.createElement("div");
    row.className = "score";
    const name = Object.assign(document.createElement("span"), { textContent: label, title: label });
    const meter = Object.assign(document.createElement("meter"), { min: 0, max: 1, value: 0 });
    meter.setAttribute("aria-label", label);
    row.append(name, meter, document.createElement("output"));
    return row;
  }));
}

function showScores(scores) {
  const most = Math.max(...scores);
  [...byId("scores").children].forEach((row, i) => {
    const share = (scores[i] ?? 0) / 32768;
    row.children[1].value = share;
    row.children[2].textContent = scores.length ? share.toFixed(2) : "–";
    row.classList.toggle("best", scores.length > 0 && scores[i] === most);
  });
}

function showLevel(level) {
  byId("level").value = level;
  byId("decibels").textContent = `${Math.round(level)} dB`;
}

function addEvent({ class: label, start, end, score }) {
  const row = document.createElement("tr");
  const texts = [facts.labels[label], `${seconds(start)} s`, `${seconds(end)} s`, (score / 32768).toFixed(2)];
  row.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  Object.assign(row.dataset, { class: label, start, end, score });
  byId("events").append(row);
  if (isLive) say(`Heard ${facts.labels[label]}.`);
}

/** Shows one of the inferences. */
function choose(index) {
  const chosen = heard.scored[index];
  if (!chosen) return;
  const range = byId("moment");
  range.value = index;
  moment = chosen.at;
  const when = `${(moment / facts.rate).toFixed(2)} s`;
  byId("when").textContent = chosen.scores.length ? when : `${when}, too quiet for an inference`;
  range.setAttribute("aria-valuetext", byId("when").textContent);
  showScores(chosen.scores);
  wanted = moment;
  if (looking === null) ask();
  draw();
}

/** Asks for a look, one at a time. */
function ask() {
  [looking, wanted] = [wanted, null];
  worker.postMessage({ type: "look", at: looking });
}

/** The inference that is nearest to a sample. */
function nearest(sample) {
  const { scored } = heard;
  let best = 0;
  scored.forEach(({ at }, i) => {
    if (Math.abs(at - sample) < Math.abs(scored[best].at - sample)) best = i;
  });
  return best;
}

const shown = () => {
  const length = Math.max(heard.length, heard.expected ?? 0, facts.rate);
  return isLive || heard.expected === 0
    ? { from: heard.length - SHOWN * facts.rate, to: heard.length }
    : { from: 0, to: length };
};

let isDrawn = true;
function soon() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    draw();
  });
}

function draw() {
  if (!facts) return;
  const { labels, cadence } = facts;
  timeline(byId("timeline"), heard, { ...shown(), at: moment, labels, cadence, colours });
}

// ---- What is pressed.

byId("file").addEventListener("change", (event) => {
  takeAll(event.target.files);
  event.target.value = "";
});
byId("bundled").addEventListener("click", () => { wrong(""); guarded("The model", loadBundled); });
byId("microphone").addEventListener("click", () => guarded("The microphone", toggleMicrophone));
byId("clip").addEventListener("change", ({ target }) => guarded("The clip", async () => {
  wrong("");
  if (target.value) await hear(target.value, await (await fetched(`clips/${target.value}`)).blob());
}));
byId("moment").addEventListener("input", ({ target }) => choose(Number(target.value)));
byId("timeline").addEventListener("click", (event) => {
  if (byId("moment").disabled) return;
  const { left, width } = byId("timeline").getBoundingClientRect();
  const { from, to } = shown();
  choose(nearest(from + (event.clientX - left - LEFT) / Math.max(1, width - LEFT - 4) * (to - from)));
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  takeAll(event.dataTransfer.files);
});
addEventListener("resize", () => { draw(); heads?.draw(); });

// What is played is what is shown.
const follow = () => {
  const audio = byId("audio");
  if (audio.paused || audio.ended) return;
  if (!byId("moment").disabled) choose(nearest(audio.currentTime * facts.rate));
  requestAnimationFrame(follow);
};
byId("audio").addEventListener("play", follow);

// ---- Its size, and use without a network.

const { total, wasm } = self.FILES;
byId("sizes").textContent = `The page has ${kilobytes(total)} in all, ${kilobytes(wasm)} of them WebAssembly.`;
if ("serviceWorker" in navigator && total > 0) {
  guarded("Use without a network", async () => {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    byId("offline").textContent = "Stored: it works without a network from now on.";
  });
}
