// Runs where the sound is captured: collects samples and hands them to the worker, past the page.

const BLOCK = 1024;

class Capture extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #count = 0;
  #worker = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => { this.#worker = data; };
  }

  /** The mean of all channels. */
  process([channels]) {
    const count = channels[0]?.length ?? 0;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.#block[this.#count++] = sum / channels.length;
      if (this.#count === BLOCK) {
        this.#worker?.postMessage(this.#block.slice());
        this.#count = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
