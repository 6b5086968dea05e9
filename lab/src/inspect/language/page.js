(() => {
  const { heads } = data;
  const shown = data.shown.map((one) => ({ ...one, maps: bytes(one.maps) }));
  if (!heads.length || !shown.length) return;
  const state = { text: 0, head: 0, query: 0, key: 0 };
  const mapOf = (text, head) => {
    const cells = shown[text].tokens.length ** 2;
    return shown[text].maps.subarray(head * cells, (head + 1) * cells);
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
    context.drawImage(image(mapOf(state.text, state.head), 1, side), frame.left, frame.top,
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

  const buttons = headButtons(heads, (at) => { state.head = at; refresh(); });
  const refresh = () => {
    const side = shown[state.text].tokens.length;
    state.query = Math.min(state.query, side - 1);
    state.key = Math.min(state.key, side - 1);
    buttons.forEach(({ button, canvas }, at) => {
      copy(canvas, image(mapOf(state.text, at), 1, side));
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
    if (STEPS[event.key]) {
      state.key = clamp(state.key + STEPS[event.key][0]);
      state.query = clamp(state.query + STEPS[event.key][1]);
      draw();
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      state.head = (state.head + (event.key === "PageUp" ? heads.length - 1 : 1)) % heads.length;
      refresh();
    } else return;
    event.preventDefault();
  });
  byId("recording").addEventListener("change", (event) => { state.text = Number(event.target.value); refresh(); });
  drawScale();
  window.addEventListener("resize", draw);
  refresh();
})();
