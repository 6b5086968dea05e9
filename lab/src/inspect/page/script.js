(() => {
  const side = Math.min(data.positions, 100);
  const cells = side * side;
  const isGrid = data.grid[1] > 1;
  const heads = data.heads.map((head) => ({
    ...head, mean: bytes(head.mean), spread: bytes(head.spread), normed: bytes(head.normed),
  }));
  const shown = data.shown.map((one) => ({
    ...one, maps: bytes(one.maps), input: bytes(one.input), wave: bytes(one.wave),
  }));
  const state = { recording: shown.length ? "0" : "mean", head: 0, query: 0, key: 0, from: [0, 0], span: side };

  // The map of a head in what is chosen: weights in 255ths of the largest, and that.
  const mapOf = (recording, head) => {
    if (recording === "mean") return { map: heads[head].mean, most: heads[head].meanMost };
    if (recording === "spread") return { map: heads[head].spread, most: heads[head].spreadMost };
    if (recording === "normed") return { map: heads[head].normed, most: heads[head].normedMost };
    const one = shown[Number(recording)];
    return { map: one.maps.subarray(head * cells, (head + 1) * cells), most: one.most[head] };
  };
  const largest = (recording) => Math.max(1e-9, ...heads.map((_, head) => mapOf(recording, head).most));
  const factor = (recording, head) =>
    byId("same").checked ? mapOf(recording, head).most / largest(recording) : 1;

  // Where a position is: in time, in the image, or by its number. Several may be drawn together.
  const each = data.positions / side;
  const place = (at) => {
    const position = Math.floor(at * each);
    if (position < data.classTokens) return `class token ${position}`;
    const heard = position - data.classTokens;
    if (isGrid) return `row ${Math.floor(heard / data.grid[1])}, column ${heard % data.grid[1]}`;
    if (data.seconds) return `${((heard + 0.5) * data.seconds / data.grid[0]).toFixed(2)} s`;
    return `position ${position}`;
  };

  const buttons = headButtons(heads, (at) => { state.head = at; refresh(); });
  const thumbnails = [];
  const many = () => {
    shown.forEach((one, at) => {
      const button = document.createElement("button");
      button.type = "button";
      const canvas = document.createElement("canvas");
      button.append(canvas, document.createTextNode(one.name));
      button.className = one.isWrong ? "wrong" : "";
      button.title = `${one.name}: ${one.said}, probability ${one.probability.toFixed(2)}`;
      button.addEventListener("click", () => {
        state.recording = byId("recording").value = String(at);
        refresh();
      });
      byId("many").append(button);
      thumbnails.push({ button, canvas });
    });
  };

  // The large map: wave and spectrogram above, on the same axis as the keys.
  const frame = { left: 62, top: 0, size: 0 };
  const draw = () => {
    const canvas = byId("map");
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth || 600;
    const one = shown[Number(state.recording)];
    const isTimed = one && !isGrid;
    const wave = isTimed && one.wave.length ? 44 : 0;
    const sound = isTimed && one.input.length ? 70 : 0;
    frame.top = wave + sound + 8;
    frame.size = width - frame.left - 8;
    const height = frame.top + frame.size + 40;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = false;
    const ink = getComputedStyle(canvas).color;
    const { map, most } = mapOf(state.recording, state.head);
    const picture = image(map, factor(state.recording, state.head), side);
    const [x0, y0] = state.from;
    const { left, top, size } = frame;
    context.drawImage(picture, x0, y0, state.span, state.span, left, top, size, size);

    // Class tokens are no time: what is heard begins after them.
    const shift = data.classTokens / each;
    const heard = side - shift;
    const across = (share) => left + (shift + share * heard - x0) / state.span * size;
    context.save();
    context.beginPath();
    context.rect(left, 0, size, top);
    context.clip();
    if (wave) {
      context.strokeStyle = ink;
      context.beginPath();
      const times = one.wave.length / 2;
      for (let i = 0; i < times; i++) {
        context.moveTo(across(i / times), wave / 2 - (one.wave[2 * i] - 128) / 127 * wave / 2);
        context.lineTo(across(i / times), wave / 2 - (one.wave[2 * i + 1] - 128) / 127 * wave / 2 - 0.5);
      }
      context.stroke();
    }
    if (sound) {
      const values = data.input[1] * data.input[2];
      const steps = Math.floor(one.input.length / values);
      if (data.isSound) {
        // Bands upwards.
        const turned = new Uint8Array(steps * values);
        for (let t = 0; t < steps; t++)
          for (let v = 0; v < values; v++) turned[(values - 1 - v) * steps + t] = one.input[t * values + v];
        context.drawImage(image(turned, 1, steps), across(0), wave + 2, across(1) - across(0), sound);
      } else {
        for (let v = 0; v < values; v++) {
          const colour = 3 * Math.round(60 + 150 * v / values);
          context.strokeStyle = `rgb(${colours[colour]},${colours[colour + 1]},${colours[colour + 2]})`;
          context.beginPath();
          for (let t = 0; t < steps; t++)
            context.lineTo(across((t + 0.5) / steps), wave + 2 + sound - one.input[t * values + v] / 255 * sound);
          context.stroke();
        }
      }
    }
    context.restore();
    if (one && isGrid && one.input.length) patches(context, one, map);

    // The query's row, the key's column, and the cell.
    const cell = size / state.span;
    const x = left + (state.key - x0) * cell;
    const y = top + (state.query - y0) * cell;
    context.strokeStyle = "#e08a00";
    context.lineWidth = 2;
    if (x >= left - 1 && x < left + size && y >= top - 1 && y < top + size) {
      context.strokeRect(x, y, cell, cell);
      context.globalAlpha = 0.7;
      context.lineWidth = 1;
      context.strokeRect(left, y, size, cell);
      context.strokeRect(x, 0, cell, top + size);
      context.globalAlpha = 1;
    }
    context.fillStyle = ink;
    context.font = "11px sans-serif";
    for (let tick = 0; tick <= 4; tick++) {
      const at = tick / 4 * state.span;
      const label = (start) => place(Math.min(side - 1, start + at)).replace(/^(position|row) /, "");
      context.textAlign = ["left", "center", "center", "center", "right"][tick];
      if (!isGrid) context.fillText(label(x0), left + tick / 4 * size, top + size + 14);
      context.textAlign = "right";
      const down = top + tick / 4 * size + [10, 4, 4, 4, -2][tick];
      if (!isGrid) context.fillText(label(y0), left - 4, down);
    }
    context.textAlign = "center";
    context.fillText("key", left + size / 2, top + size + 30);
    context.save();
    context.translate(10, top + size / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("query", 0, 0);
    context.restore();
    const weight = map[state.query * side + state.key] / 255 * most;
    const what = state.recording === "spread" ? "spread" : "weight";
    byId("readout").textContent =
      `query at ${place(state.query)}, key at ${place(state.key)}: ${what} ${weight.toFixed(3)}`;
    const head = heads[state.head];
    const of = one
      ? `${one.name}, said ${one.said} (${one.probability.toFixed(2)})`
      : byId("recording").selectedOptions[0].text;
    byId("title").textContent = `${head.number} ${head.name}: ${of}`;
    canvas.setAttribute("aria-label",
      `Attention map of head ${head.number}, ${head.name}, in ${of}. Largest weight ${most.toFixed(3)}.`);
  };

  // Of images: the image, and how much of the query's attention each patch has, in the map's corner.
  const patches = (context, one, map) => {
    const [rows, columns] = data.grid;
    const [, width, channels] = data.input;
    const size = frame.size * 0.3;
    const left = frame.left + frame.size - size - 4;
    const top = frame.top + 4;
    const grey = new Uint8Array(one.input.length / channels);
    for (let i = 0; i < grey.length; i++) grey[i] = one.input[i * channels] || 0;
    context.drawImage(image(grey, 1, width), left, top, size, size);
    for (let i = 0; i < rows * columns; i++) {
      const at = Math.floor((i + data.classTokens) / each);
      const weight = map[state.query * side + at] / 255;
      const [x, y] = [left + i % columns / columns * size, top + Math.floor(i / columns) / rows * size];
      const box = [x, y, size / columns, size / rows];
      context.fillStyle = `rgba(224, 138, 0, ${0.8 * weight})`;
      context.fillRect(...box);
      if (at === state.query) {
        context.strokeStyle = "#fff";
        context.strokeRect(...box);
      }
    }
  };

  const table = () => {
    const root = byId("weights");
    root.replaceChildren();
    if (byId("table").getAttribute("aria-expanded") !== "true") return;
    const { map, most } = mapOf(state.recording, state.head);
    const all = document.createElement("table");
    const row = (cells, name) => {
      const line = all.insertRow();
      cells.forEach((text, at) => {
        const cell = document.createElement(at === 0 || name ? "th" : "td");
        cell.scope = name ? "col" : "row";
        cell.textContent = text;
        line.append(cell);
      });
    };
    const count = [...Array(side).keys()];
    row(["query \\ key", ...count.map(place)], true);
    count.forEach((query) =>
      row([place(query), ...count.map((key) => (map[query * side + key] / 255 * most).toFixed(2))], false));
    root.append(all);
  };

  // What the model depends on, in one recording at a time.
  const flows = [...document.querySelectorAll("#flows > figure")];
  const flow = (at) => flows.forEach((figure, other) => { figure.hidden = other !== at; });

  const refresh = () => {
    if (flows.length && shown[Number(state.recording)]) {
      byId("flow-recording").value = state.recording;
      flow(Number(state.recording));
    }
    buttons.forEach(({ button, canvas }, at) => {
      copy(canvas, image(mapOf(state.recording, at).map, factor(state.recording, at), side));
      button.setAttribute("aria-pressed", String(at === state.head));
    });
    thumbnails.forEach(({ button, canvas }, at) => {
      copy(canvas, image(mapOf(String(at), state.head).map, 1, side));
      button.setAttribute("aria-pressed", String(String(at) === state.recording));
    });
    draw();
    table();
  };

  const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
  const zoom = (by) => {
    const span = clamp(Math.round(state.span * by), Math.min(4, side), side);
    [state.key, state.query].forEach((at, axis) => {
      const share = (at - state.from[axis]) / state.span;
      state.from[axis] = clamp(Math.round(at - share * span), 0, side - span);
    });
    state.span = span;
    draw();
  };
  const keep = () => {
    [state.key, state.query].forEach((at, axis) => {
      state.from[axis] = clamp(clamp(state.from[axis], at - state.span + 1, at), 0, side - state.span);
    });
  };
  const moved = (event) => {
    const box = byId("map").getBoundingClientRect();
    const cell = frame.size / state.span;
    const x = Math.floor((event.clientX - box.left - frame.left) / cell) + state.from[0];
    const y = Math.floor((event.clientY - box.top - frame.top) / cell) + state.from[1];
    if (x < state.from[0] || x >= state.from[0] + state.span) return;
    state.key = clamp(x, 0, side - 1);
    if (y >= state.from[1] && y < state.from[1] + state.span) state.query = y;
    draw();
  };
  const pressed = (event) => {
    if (STEPS[event.key]) {
      state.key = clamp(state.key + STEPS[event.key][0], 0, side - 1);
      state.query = clamp(state.query + STEPS[event.key][1], 0, side - 1);
      keep();
      draw();
    } else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") zoom(side);
    else if (event.key === "PageUp" || event.key === "PageDown") {
      const step = event.key === "PageUp" ? heads.length - 1 : 1;
      state.head = (state.head + step) % heads.length;
      refresh();
    } else return;
    event.preventDefault();
  };

  if (!heads.length) return;
  many();
  drawScale();
  byId("recording").addEventListener("change", (event) => { state.recording = event.target.value; refresh(); });
  byId("flow-recording")?.addEventListener("change", (event) => flow(Number(event.target.value)));
  byId("same").addEventListener("change", refresh);
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("all").addEventListener("click", () => zoom(side));
  byId("table").addEventListener("click", (event) => {
    const was = event.currentTarget.getAttribute("aria-expanded") === "true";
    event.currentTarget.setAttribute("aria-expanded", String(!was));
    table();
  });
  byId("map").addEventListener("pointermove", moved);
  byId("map").addEventListener("pointerdown", moved);
  byId("map").addEventListener("keydown", pressed);
  byId("map").addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // So that the page scrolls; pinching comes with the key.
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.5 : 2);
  }, { passive: false });
  window.addEventListener("resize", draw);
  refresh();
})();
