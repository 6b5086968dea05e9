// Pictures on canvas: heat maps, and the sound with its scores.

/** Paints bytes as a heat map of so many columns, one pixel for each. */
export function paint(canvas, bytes, columns, colours) {
  const rows = Math.max(1, Math.floor(bytes.length / columns));
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    const colour = 3 * bytes[i];
    pixels.data.set([colours[colour], colours[colour + 1], colours[colour + 2], 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
}

/** Makes a canvas as sharp as the screen; gives its context in CSS pixels, and its width. */
function sharp(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 300;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.imageSmoothingEnabled = false;
  return { context, width, ink: getComputedStyle(canvas).color };
}

export const LEFT = 74;
const WAVE = 56;
const EVENTS = 22;
const MARK = "#e07000";

/** Those that are a pixel apart: of an hour of sound, few of many. */
function apart(places, across) {
  let last = -Infinity;
  return places.filter(({ at }) => {
    if (across(at) < last + 1) return false;
    last = across(at);
    return true;
  });
}

/**
 * The sound from one sample to another: its peaks, the events, and the score of each class over time.
 * @param {{peaks: {at: number, peak: number}[], scored: {at: number, scores: number[]}[], events: object[]}} heard
 */
export function timeline(canvas, heard, { from, to, at, labels, cadence, colours }) {
  const row = labels.length > 16 ? 9 : 15;
  const top = WAVE + EVENTS;
  const { context, width, ink } = sharp(canvas, top + row * labels.length + 4);
  const across = (sample) => LEFT + (sample - from) / Math.max(1, to - from) * (width - LEFT - 4);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = ink;
  context.textBaseline = "middle";
  context.fillText("sound", 0, WAVE / 2);
  context.fillText("events", 0, WAVE + EVENTS / 2);
  labels.forEach((label, i) => {
    if (row >= 12 || i % 2 === 0) context.fillText(label, 0, top + row * (i + 0.5), LEFT - 6);
  });
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, top + row * labels.length);
  context.clip();
  const step = across(cadence) - across(0);
  for (const { at: place, peak } of apart(heard.peaks, across)) {
    const height = Math.max(1, peak * WAVE);
    context.fillRect(across(place), (WAVE - height) / 2, Math.max(1, step - 0.5), height);
  }
  for (const { at: place, scores } of apart(heard.scored, across)) {
    const x = across(place) - step / 2;
    const w = Math.max(1, step) + 0.5;
    scores.forEach((score, i) => {
      const colour = 3 * Math.min(255, Math.round(score / 32768 * 255));
      context.fillStyle = `rgb(${colours[colour]} ${colours[colour + 1]} ${colours[colour + 2]})`;
      context.fillRect(x, top + row * i, w, row - 1);
    });
  }
  for (const event of heard.events) {
    const x = across(event.start);
    context.strokeStyle = context.fillStyle = ink;
    context.strokeRect(x, WAVE + 2, Math.max(2, across(event.end) - x), EVENTS - 5);
    context.fillText(labels[event.class], x + 4, WAVE + EVENTS / 2, Math.max(10, across(event.end) - x - 6));
  }
  if (at !== null) {
    context.fillStyle = MARK;
    context.fillRect(across(at) - 1, 0, 2, top + row * labels.length);
  }
  context.restore();
}

/**
 * The chosen head, with what the model hears above, on the axis of the keys.
 * @param {{input: Uint8Array, steps: number, values: number}} look
 */
export function head(canvas, look, { map, positions, classTokens, query, key, colours }) {
  const strip = 56;
  const size = canvas.clientWidth || 300;
  const cell = size / positions;
  const { context } = sharp(canvas, strip + 4 + size);
  const picture = document.createElement("canvas");
  // Low bands at the bottom.
  const turned = new Uint8Array(look.steps * look.values);
  for (let step = 0; step < look.steps; step++) {
    for (let value = 0; value < look.values; value++) {
      turned[(look.values - 1 - value) * look.steps + step] = look.input[step * look.values + value];
    }
  }
  paint(picture, turned, look.steps, colours);
  context.drawImage(picture, classTokens * cell, 0, size - classTokens * cell, strip);
  paint(picture, map, positions, colours);
  context.drawImage(picture, 0, strip + 4, size, size);
  context.strokeStyle = MARK;
  context.lineWidth = 2;
  context.strokeRect(key * cell, strip + 4 + query * cell, cell, cell);
}

/** The row and column of a point in the picture of a head; null beside it. */
export function placeIn(canvas, event, positions) {
  const { left, top, width } = canvas.getBoundingClientRect();
  const place = (x) => Math.floor(x / width * positions);
  const [key, query] = [place(event.clientX - left), place(event.clientY - top - 60)];
  const within = (x) => x >= 0 && x < positions;
  return within(key) && within(query) ? { key, query } : null;
}
