// Hears beside the page, so that drawing never waits for an inference.

import { Engine, Refused } from "./engine.js";
import { Ring } from "./ring.js";
import { Sound, levelOf } from "./sound.js";

/** Seconds of the microphone that wait at most, and that are kept for looks. */
const WAITING = 5;
const KEPT = 60;
/** Milliseconds of work between two rests, in which messages are taken. */
const SLICE = 30;

const RECORDING = "The recording";
const MICROPHONE = "The microphone";

let module = null;
let engine = null;
let model = null;
let facts = null;
/** What is heard now; another object as soon as something else is. */
let hearing = null;
let sound = null;
let port = null;

const rest = () => new Promise((resolve) => setTimeout(resolve, 0));
const say = (message) => postMessage(message);

/** Another instance with the same model, after a trap. */
function renew() {
  engine = new Engine(module);
  if (model) engine.load(model);
}

/** Does what was asked; what goes wrong is said in words. */
async function guarded(what, task) {
  try {
    await task();
  } catch (error) {
    if (what === MICROPHONE || what === RECORDING) stop();
    if (!(error instanceof Refused)) {
      stop();
      try { renew(); } catch { engine = null; }
    }
    const text = error instanceof WebAssembly.RuntimeError ? `the program stopped: ${error.message}` : error.message;
    say({ type: "wrong", what, text });
  }
}

async function open() {
  const response = await fetch(new URL("heedful_web.wasm", import.meta.url));
  if (!response.ok) throw new Error(`heedful_web.wasm: ${response.status} ${response.statusText}`);
  module = await WebAssembly.compile(await response.arrayBuffer());
  engine = new Engine(module);
  say({ type: "ready", colours: engine.colours() });
}

function load({ name, bytes }) {
  const next = new Engine(module);
  const said = next.load(bytes);
  stop();
  [engine, model, facts, sound] = [next, bytes, said, null];
  say({ type: "model", name, facts });
}

/** The bundled clips, as one inference each and as a sound. */
function check({ clips, bytes }) {
  const own = new Engine(module);
  const { window } = own.load(bytes);
  const heard = clips.map(({ file, bytes }) => {
    const { samples } = own.recording(bytes);
    const { logits } = own.look(samples);
    own.begin();
    const events = [...own.push(samples).events, ...own.end().events];
    return { file, logits, events };
  });
  say({ type: "checked", window, heard });
}

function stop() {
  hearing = null;
  port?.close();
  port = null;
}

/** Hears samples, a cadence at a time; gives what the page draws. */
function hear(samples) {
  const heard = { type: "heard", events: [], scored: [], peaks: [], level: -90 };
  for (let from = 0; from < samples.length; from += facts.cadence) {
    const part = samples.subarray(from, from + facts.cadence);
    const at = sound.length;
    sound.push(part);
    const { events, scored } = engine.push(part);
    const { level, peak } = levelOf(part);
    heard.events.push(...events);
    heard.scored.push(...scored);
    heard.peaks.push({ at, peak });
    heard.level = level;
  }
  return { ...heard, length: sound.length };
}

/** A look at the window with this middle. */
function look(at) {
  const seen = engine.look(sound.around(at, facts));
  say({ type: "look", at, ...seen });
}

/** What is left behind the end of the sound. */
function finish(from) {
  const { events, scored } = engine.end();
  say({ type: "heard", events, scored, peaks: [], level: -90, length: sound.length });
  say({ type: "ended", from, length: sound.length });
}

async function play(samples) {
  const own = begin(samples.length);
  let looked = 0;
  const step = facts.cadence;
  for (let from = 0; from < samples.length;) {
    const until = performance.now() + SLICE;
    let last = null;
    while (from < samples.length && performance.now() < until) {
      const heard = hear(samples.subarray(from, from + step));
      from += step;
      last = heard.scored.at(-1) ?? last;
      say(heard);
    }
    if (last?.scores.length && performance.now() > looked + 80) {
      look(last.at);
      looked = performance.now();
    }
    await rest();
    if (hearing !== own) return;
  }
  finish("recording");
}

/** A new sound. */
function begin(kept) {
  stop();
  sound = new Sound(Math.max(kept, facts.lookback));
  engine.begin();
  hearing = {};
  return hearing;
}

async function recording({ name, bytes, samples, rate }) {
  if (!facts) throw new Refused("there is no model to hear it with");
  let warnings = [];
  if (samples) {
    // Decoded by the browser.
    engine.convertFrom(rate);
    samples = engine.convert(samples);
  } else {
    try {
      ({ samples, warnings } = engine.recording(bytes));
    } catch (error) {
      // Not a WAV file: the browser may know it.
      if (!(error instanceof Refused)) throw error;
      say({ type: "undecoded", name, bytes, text: error.message });
      return;
    }
  }
  say({ type: "begun", name, warnings, length: samples.length });
  await play(samples);
}

async function microphone({ port: from, rate }) {
  if (!facts) throw new Refused("there is no model to hear it with");
  const own = begin(KEPT * facts.rate);
  engine.convertFrom(rate);
  port = from;
  const ring = new Ring(WAITING * rate);
  port.onmessage = ({ data }) => ring.push(data);
  say({ type: "begun", name: "microphone", warnings: [], length: 0 });
  let looked = 0;
  while (hearing === own) {
    const samples = ring.take(Math.ceil(rate / 20));
    if (samples.length > 0) {
      const heard = hear(engine.convert(samples));
      say(heard);
      const last = heard.scored.at(-1);
      if (last?.scores.length && performance.now() > looked + 80) {
        look(last.at);
        looked = performance.now();
      }
    }
    const lost = Math.round(ring.lost() * facts.rate / rate);
    if (lost > 0) {
      engine.skip(lost);
      sound.skip(lost);
      say({ type: "lost", lost });
    }
    await (ring.count > 0 ? rest() : new Promise((resolve) => setTimeout(resolve, 15)));
  }
}

const TASKS = {
  load: ["The model", load],
  check: ["The check", check],
  recording: [RECORDING, recording],
  microphone: [MICROPHONE, microphone],
  look: ["The look", ({ at }) => { if (sound) look(at); }],
  stop: ["The end", () => {
    const was = hearing;
    stop();
    if (was) finish("microphone");
  }],
};

const opened = guarded("The program", open);
onmessage = async ({ data }) => {
  await opened;
  const [what, task] = TASKS[data.type];
  const missing = () => { throw new Refused("the program is not there"); };
  await guarded(what, () => (module ? task(data) : missing()));
};
