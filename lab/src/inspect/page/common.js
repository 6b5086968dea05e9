"use strict";
// What the scripts of all reports share.
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const byId = (id) => document.getElementById(id);
const colours = bytes(data.colours);

// A map in colours: values in 255ths, times `scale`.
const image = (map, scale, width) => {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.floor(map.length / width);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < canvas.width * canvas.height; i++) {
    const colour = 3 * Math.round(map[i] * scale);
    pixels.data.set([colours[colour], colours[colour + 1], colours[colour + 2], 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
};
const copy = (canvas, from) => {
  canvas.width = from.width;
  canvas.height = from.height;
  canvas.getContext("2d").drawImage(from, 0, 0);
};

// A button for each head, a row for each block; `choose` is told which was pressed.
const headButtons = (heads, choose) => heads.map((head, at) => {
  const root = byId("overview");
  if (at === 0 || head.block !== heads[at - 1].block) {
    const row = document.createElement("div");
    row.className = "block";
    root.append(row);
  }
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  const name = document.createElement("span");
  button.type = "button";
  button.title = `${head.number} ${head.name}`;
  button.setAttribute("aria-label", `Head ${head.number}, ${head.name}`);
  name.textContent = head.number;
  button.append(canvas, name);
  button.addEventListener("click", () => choose(at));
  root.lastElementChild.append(button);
  return { button, canvas };
});
const drawScale = () => {
  const stops = [...Array(9).keys()].map((i) => 3 * Math.round(i * 255 / 8));
  const shades = stops.map((i) => `rgb(${colours[i]},${colours[i + 1]},${colours[i + 2]})`);
  byId("scale").style.background = `linear-gradient(to right, ${shades.join(",")})`;
};
// Where a key of the keyboard leads from a query and a key.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
