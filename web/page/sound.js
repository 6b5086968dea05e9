// The sound that is heard, kept so that the heads can be looked at again.

/** Samples of the last stretch of a sound. */
export class Sound {
  #samples = new Int16Array(1 << 16);
  #count = 0;
  #first = 0;
  #most;

  /** Keeps so many samples at least, and twice as many at most. */
  constructor(most) {
    this.#most = most;
  }

  /** All samples so far. */
  get length() {
    return this.#first + this.#count;
  }

  push(samples) {
    if (this.#count > 2 * this.#most) {
      this.#samples.copyWithin(0, this.#count - this.#most, this.#count);
      this.#first += this.#count - this.#most;
      this.#count = this.#most;
    }
    if (this.#count + samples.length > this.#samples.length) {
      const larger = new Int16Array(2 * (this.#count + samples.length));
      larger.set(this.#samples.subarray(0, this.#count));
      this.#samples = larger;
    }
    this.#samples.set(samples, this.#count);
    this.#count += samples.length;
  }

  /** Lost samples count as silence. */
  skip(lost) {
    for (let left = lost; left > 0; left -= 8192) this.push(new Int16Array(Math.min(left, 8192)));
  }

  /** What a look at the window with this middle takes: silence where there is no sound. */
  around(at, { window, lookback }) {
    const before = Math.floor(window / 2);
    const begin = at - (window - before);
    const start = Math.max(-before, begin - (lookback - window));
    const taken = new Int16Array(begin + window - start);
    const from = Math.max(start, this.#first);
    const to = Math.min(begin + window, this.length);
    if (from < to) taken.set(this.#samples.subarray(from - this.#first, to - this.#first), from - start);
    return taken;
  }
}

/** The level of samples in decibels below full scale, -90 at least, and their peak. */
export function levelOf(samples) {
  let sum = 0;
  let peak = 0;
  for (const sample of samples) {
    sum += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const rms = Math.sqrt(sum / Math.max(1, samples.length)) / 32768;
  return { level: Math.max(-90, 20 * Math.log10(Math.max(rms, 1e-9))), peak: peak / 32768 };
}
