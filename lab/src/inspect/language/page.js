"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const byId = (id) => document.getElementById(id);
  const colours = bytes(data.colours);
  const { heads } = data;
  const shown = data.shown.map((one) => ({ ...one, maps: bytes(one.maps) }));
  if (!heads.length || !shown.length) return;
  const state = { text: 0, head: 0, query: 0, key: 0 };
  const mapOf = (text, head) => {
    const cells = shown[text].tokens.length ** 2;
    return shown[text].maps.subarray(head * cells, (head + 1) * cells);
  };
  const image = (map, side) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(side, side);
    map.forEach((value, i) => {
      pixels.data.set([colours[3 * value], colours[3 * value + 1], colours[3 * value + 2], 255], 4 * i);
    });
    context.putImageData(pixels, 0, 0);
    return canvas;
  };

  const frame = { left: 0, top: 0, cell: 1 };
  const draw = () => {
    const { tokens, most, name } = shown[state.text];
    const canvas = byId("map");
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth || 600;
    const side = tokens.length;
    const font = Math.max(7, Math.min(13, 0.8 * (width - 80) / side));
    const context = canvas.getContext("2d");
    context.font = `${font}px sans-serif`;
    const longest = Math.min(90, 8 + Math.max(...tokens.map((token) => context.measureText(token).width)));
    frame.left = longest;
    frame.cell = (width - longest - 4) / side;
    frame.top = longest;
    const height = frame.top + frame.cell * side + 4;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = false;
    context.drawImage(image(mapOf(state.text, state.head), side), frame.left, frame.top,
      frame.cell * side, frame.cell * side);
    context.fillStyle = getComputedStyle(canvas).color;
    context.font = `${font}px sans-serif`;
    context.textBaseline = "middle";
    tokens.forEach((token, at) => {
      const middle = (at + 0.5) * frame.cell;
      context.textAlign = "right";
      context.fillText(token, frame.left - 4, frame.top + middle, longest - 6);
      context.save();
      context.translate(frame.left + middle, frame.top - 4);
      context.rotate(-Math.PI / 2);
      context.textAlign = "left";
      context.fillText(token, 0, 0, longest - 6);
      context.restore();
    });
    context.strokeStyle = "#e08a00";
    context.lineWidth = 2;
    context.strokeRect(frame.left + state.key * frame.cell, frame.top + state.query * frame.cell,
      frame.cell, frame.cell);
    const weight = mapOf(state.text, state.head)[state.query * side + state.key] / 255 * most[state.head];
    byId("readout").textContent = `query ${state.query} “${tokens[state.query]}”, key ${state.key} ` +
      `“${tokens[state.key]}”: weight ${weight.toFixed(3)}`;
    const head = heads[state.head];
    byId("title").textContent = `${head.number} ${head.name}: ${name}`;
    canvas.setAttribute("aria-label", `Attention map of head ${head.number}, ${head.name}, in ${name}. ` +
      `Largest weight ${most[state.head].toFixed(3)}.`);
  };

  const buttons = heads.map((head, at) => {
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
    button.addEventListener("click", () => { state.head = at; refresh(); });
    root.lastElementChild.append(button);
    return { button, canvas };
  });
  const refresh = () => {
    const side = shown[state.text].tokens.length;
    state.query = Math.min(state.query, side - 1);
    state.key = Math.min(state.key, side - 1);
    buttons.forEach(({ button, canvas }, at) => {
      canvas.width = canvas.height = side;
      canvas.getContext("2d").drawImage(image(mapOf(state.text, at), side), 0, 0);
      button.setAttribute("aria-pressed", String(at === state.head));
    });
    draw();
  };
  const clamp = (x) => Math.min(shown[state.text].tokens.length - 1, Math.max(0, x));
  const moved = (event) => {
    const box = byId("map").getBoundingClientRect();
    state.key = clamp(Math.floor((event.clientX - box.left - frame.left) / frame.cell));
    state.query = clamp(Math.floor((event.clientY - box.top - frame.top) / frame.cell));
    draw();
  };
  byId("map").addEventListener("pointermove", moved);
  byId("map").addEventListener("pointerdown", moved);
  byId("map").addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) {
      state.key = clamp(state.key + steps[event.key][0]);
      state.query = clamp(state.query + steps[event.key][1]);
      draw();
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      state.head = (state.head + (event.key === "PageUp" ? heads.length - 1 : 1)) % heads.length;
      refresh();
    } else return;
    event.preventDefault();
  });
  byId("recording").addEventListener("change", (event) => { state.text = Number(event.target.value); refresh(); });
  const stops = [...Array(9).keys()].map((i) => 3 * Math.round(i * 255 / 8));
  const shades = stops.map((i) => `rgb(${colours[i]},${colours[i + 1]},${colours[i + 2]})`);
  byId("scale").style.background = `linear-gradient(to right, ${shades.join(",")})`;
  window.addEventListener("resize", draw);
  refresh();
})();
