// The heads of all blocks, and the chosen one.

import { head as drawHead, paint, placeIn } from "./draw.js";

const byId = (id) => document.getElementById(id);

export class Heads {
  #colours;
  #facts = null;
  #look = null;
  #buttons = [];
  #chosen = 0;
  #query = 0;
  #key = 0;

  constructor(colours) {
    this.#colours = colours;
    paint(byId("ramp"), Uint8Array.from({ length: 256 }, (_, i) => i), 256, colours);
    const canvas = byId("head");
    canvas.addEventListener("pointermove", (event) => {
      const place = this.#facts && placeIn(canvas, event, this.#facts.positions);
      if (place) this.#move(place.query, place.key);
    });
    canvas.addEventListener("keydown", (event) => {
      const [down, across] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
        ?? [0, 0];
      if (!this.#facts || (down === 0 && across === 0)) return;
      event.preventDefault();
      const last = this.#facts.positions - 1;
      const within = (x) => Math.min(last, Math.max(0, x));
      this.#move(within(this.#query + down), within(this.#key + across));
    });
  }

  /** Buttons for the heads of a model. */
  of(facts) {
    this.#facts = facts;
    this.#look = null;
    this.#chosen = this.#query = this.#key = 0;
    this.#buttons = [];
    const blocks = facts.heads.map((count, block) => {
      const row = document.createElement("div");
      row.className = "block";
      for (let head = 0; head < count; head++) {
        const button = document.createElement("button");
        button.type = "button";
        const canvas = document.createElement("canvas");
        const name = `${block}.${head}`;
        button.append(canvas, name);
        button.setAttribute("aria-label", `Head ${name}`);
        const place = this.#buttons.length;
        button.addEventListener("click", () => { this.#chosen = place; this.draw(); });
        this.#buttons.push({ button, canvas, name });
        row.append(button);
      }
      return row;
    });
    byId("heads").replaceChildren(...blocks);
    byId("readout").textContent = this.#buttons.length ? "Nothing was heard yet." : "The model has no heads.";
    this.draw();
  }

  /** What an inference showed. */
  show(look) {
    this.#look = look;
    this.draw();
  }

  #map(head) {
    const cells = this.#facts.positions ** 2;
    return this.#look.maps.subarray(head * cells, (head + 1) * cells);
  }

  #move(query, key) {
    [this.#query, this.#key] = [query, key];
    this.draw();
  }

  draw() {
    const chosen = this.#buttons[this.#chosen];
    byId("head-name").textContent = chosen ? `Head ${chosen.name}` : "Head";
    this.#buttons.forEach(({ button }, i) => button.setAttribute("aria-pressed", String(i === this.#chosen)));
    if (!this.#look || !chosen) return;
    if (this.#look.most.length === 0) {
      byId("readout").textContent = "The model has too many weights of attention to draw.";
      return;
    }
    const { positions, classTokens } = this.#facts;
    this.#buttons.forEach(({ canvas }, i) => paint(canvas, this.#map(i), positions, this.#colours));
    const map = this.#map(this.#chosen);
    const [query, key] = [this.#query, this.#key];
    drawHead(byId("head"), this.#look, { map, positions, classTokens, query, key, colours: this.#colours });
    const weight = map[query * positions + key] / 255 * this.#look.most[this.#chosen] / 65536;
    byId("readout").textContent =
      `${this.#place(query)} looks at ${this.#place(key)}: ${weight.toFixed(3)} of its attention`;
  }

  /** Where a position is in the window. */
  #place(position) {
    const { classTokens, positions, window, rate } = this.#facts;
    if (position < classTokens) return `class token ${position}`;
    const share = (position - classTokens + 0.5) / (positions - classTokens);
    return `${(share * window / rate).toFixed(2)} s`;
  }
}
