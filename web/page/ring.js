// Samples between the microphone and the inferences.

/** A ring of samples. Where it is full, what comes is lost and counted until the ring has been emptied. */
export class Ring {
  #samples;
  #first = 0;
  #count = 0;
  #lost = 0;

  /** @param {number} capacity in samples */
  constructor(capacity) {
    this.#samples = new Float32Array(capacity);
  }

  get count() {
    return this.#count;
  }

  /** Takes samples in, all or none. */
  push(samples) {
    const capacity = this.#samples.length;
    if (this.#lost > 0 || this.#count + samples.length > capacity) {
      this.#lost += samples.length;
      return;
    }
    const place = (this.#first + this.#count) % capacity;
    const head = Math.min(samples.length, capacity - place);
    this.#samples.set(samples.subarray(0, head), place);
    this.#samples.set(samples.subarray(head), 0);
    this.#count += samples.length;
  }

  /** At most so many, oldest first. */
  take(most) {
    const count = Math.min(most, this.#count);
    const capacity = this.#samples.length;
    const taken = new Float32Array(count);
    const head = Math.min(count, capacity - this.#first);
    taken.set(this.#samples.subarray(this.#first, this.#first + head));
    taken.set(this.#samples.subarray(0, count - head), head);
    this.#first = (this.#first + count) % capacity;
    this.#count -= count;
    return taken;
  }

  /** Samples that were lost behind all that was taken; 0 while there are some in the ring. */
  lost() {
    if (this.#count > 0) return 0;
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }
}
