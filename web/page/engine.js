// The program of WebAssembly and its linear memory: JSON and bytes out, or an error that says what is wrong.

/** What the program refuses, in its words. */
export class Refused extends Error {}

/** One instance of the program, for one model. */
export class Engine {
  #exports;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
  }

  /** Writes bytes for the next call. */
  #give(bytes) {
    const place = this.#exports.room(bytes.byteLength);
    const from = new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength);
    new Uint8Array(this.#exports.memory.buffer, place, bytes.byteLength).set(from);
  }

  /** Calls a function, with bytes or a number; what it answers. */
  #ask(name, given) {
    if (typeof given === "object") this.#give(given);
    if (typeof given === "number") this.#exports[name](given);
    else this.#exports[name]();
    const { memory, answer, answer_length } = this.#exports;
    const said = JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, answer(), answer_length())));
    if (said?.error !== undefined) throw new Refused(said.error);
    return said;
  }

  /** The bytes that the last call gave. */
  #data() {
    const { memory, data, data_length } = this.#exports;
    return new Uint8Array(memory.buffer, data(), data_length()).slice();
  }

  /** Takes the bytes of a model, once; says what it is. */
  load(bytes) {
    return this.#ask("load", bytes);
  }

  /** The samples of a WAV file at the model's rate. */
  recording(bytes) {
    const said = this.#ask("recording", bytes);
    return { ...said, samples: new Int16Array(this.#data().buffer) };
  }

  /** Begins a sound. */
  begin() {
    this.#ask("begin");
  }

  /** Hears samples (Int16Array): the events that ended, and the inferences that were due. */
  push(samples) {
    return this.#ask("push", samples);
  }

  /** Says that samples were lost. */
  skip(lost) {
    this.#ask("skip", lost);
  }

  /** The sound is over: what was still to come. */
  end() {
    return this.#ask("end");
  }

  /** One inference over a window of samples, with what the heads attend to. */
  look(samples) {
    const said = this.#ask("inspect", samples);
    const bytes = this.#data();
    const input = bytes.subarray(0, said.steps * said.values);
    return { ...said, input, maps: bytes.subarray(input.length) };
  }

  /** Begins sound of another rate. */
  convertFrom(rate) {
    this.#ask("convert_from", rate);
  }

  /** Samples of full scale ±1 (Float32Array), at the model's rate and as 16 bits. */
  convert(samples) {
    this.#ask("convert", samples);
    return new Int16Array(this.#data().buffer);
  }

  /** 256 colours, red, green and blue of each. */
  colours() {
    this.#ask("colours");
    return this.#data();
  }
}
