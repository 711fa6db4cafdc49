// Plays motions as stick figures seen in perspective, several side by side under one camera.
//
// The JSON of a `.player` has the rate, the bones as [parent, joint, side], the index of the head (or -1), and clips, each
// with the motions of its figures: integer millimetres, x y z of every joint of every frame, y up. `forces` has, likewise,
// tail and head of the arrows of every frame (-1e6: hidden), or an empty list.
"use strict";

const SIGHT = 2.1; // distance of the camera, in heights of the figure
const LENS = 1.6; // focal length, in heights of the picture
const CELL = 0.5; // m, of the floor
const LIMB = 0.032; // m, the thickness of a bone
const START = { yaw: -0.7, pitch: 0.2 };

function play(root) {
  const { rate, bones, head, clips, forces } = JSON.parse(root.querySelector("script").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const [stage, button, time, clock, speed] = ["stage", "play", "time", "clock", "speed"].map(part);
  const [choice, caption] = ["clip", "caption"].map(part);
  const canvases = [...root.querySelectorAll("canvas")];
  const joints = 1 + Math.max(...bones.map(([, joint]) => joint));
  const wishesCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let motions, frames, tall;
  let frame = 0, zoom = 1, { yaw, pitch } = START, playing = !wishesCalm, inView = false, request = 0, before = 0, held = null;

  function choose(number) {
    motions = clips[number].map((values, k) => ({ values, frames: values.length / joints / 3, arrows: forces[number][k] }));
    motions.forEach((motion) => { motion.path = smoothPath(motion); });
    frames = Math.max(...motions.map((motion) => motion.frames));
    tall = motions.reduce((most, { values }) => values.reduce((m, v, i) => (i % 3 === 1 && v > m ? v : m), most), 500) / 1000;
    if (caption) caption.textContent = choice.selectedOptions[0].text;
    time.max = frames - 1;
    frame = 0;
    draw();
  }

  // Where the camera looks: the root without its sway, so that the floor does not tremble.
  function smoothPath({ values, frames: count }) {
    const reach = Math.round(0.75 * rate), path = [];
    for (let t = 0; t < count; t++) {
      const first = Math.max(0, t - reach), last = Math.min(count - 1, t + reach);
      let x = 0, z = 0;
      for (let i = first; i <= last; i++) { x += values[i * joints * 3]; z += values[i * joints * 3 + 2]; }
      path.push([x / (last - first + 1) / 1000, z / (last - first + 1) / 1000]);
    }
    return path;
  }

  function between(motion, at, read) {
    const i = Math.min(Math.floor(at), motion.frames - 1), j = Math.min(i + 1, motion.frames - 1), share = at - Math.floor(at);
    const a = read(i), b = read(j);
    return a.map((value, k) => value + share * (b[k] - value));
  }

  function draw() {
    const style = getComputedStyle(root), ink = (name) => style.getPropertyValue(`--${name}`);
    const colours = { left: ink("left"), right: ink("right"), "": ink("middle"), grid: ink("grid"), force: ink("force") };
    canvases.forEach((canvas, k) => drawFigure(canvas, motions[k], colours));
    const whole = Math.floor(frame), text = `${(whole / rate).toFixed(2)} s of ${((frames - 1) / rate).toFixed(2)} s`;
    time.value = whole;
    time.setAttribute("aria-valuetext", text);
    clock.textContent = text;
  }

  function drawFigure(canvas, motion, colours) {
    const pen = canvas.getContext("2d"), { width, height } = canvas;
    const [x0, z0] = between(motion, frame, (i) => motion.path[i]), y0 = 0.52 * tall;
    const [cosYaw, sinYaw, cosPitch, sinPitch] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const focus = zoom * LENS * height;

    function place([x, y, z]) {
      const right = cosYaw * (x - x0) - sinYaw * (z - z0), near = sinYaw * (x - x0) + cosYaw * (z - z0), up = y - y0;
      const scale = focus / (SIGHT * tall - sinPitch * up - cosPitch * near);
      return { x: width / 2 + scale * right, y: height / 2 - scale * (cosPitch * up - sinPitch * near), scale };
    }
    function line(a, b, thickness) {
      pen.lineWidth = thickness;
      pen.beginPath();
      pen.moveTo(a.x, a.y);
      pen.lineTo(b.x, b.y);
      pen.stroke();
    }

    pen.clearRect(0, 0, width, height);
    pen.lineCap = "round";
    const thin = Math.max(1, height / 400), reach = Math.ceil((1.5 * tall) / CELL);
    const [cx, cz] = [Math.round(x0 / CELL), Math.round(z0 / CELL)];
    pen.strokeStyle = colours.grid;
    for (let i = -reach; i <= reach; i++) {
      for (let j = -reach; j < reach; j++) {
        for (const [a, b] of [[[i, j], [i, j + 1]], [[j, i], [j + 1, i]]]) {
          const [p, q] = [a, b].map(([x, z]) => [(cx + x) * CELL, 0, (cz + z) * CELL]);
          pen.globalAlpha = Math.max(0, 1 - Math.hypot(p[0] + q[0] - 2 * x0, p[2] + q[2] - 2 * z0) / 2 / (reach * CELL));
          if (pen.globalAlpha > 0.02) line(place(p), place(q), thin);
        }
      }
    }

    const pose = between(motion, frame, (i) => motion.values.slice(i * joints * 3, (i + 1) * joints * 3));
    const point = (j) => [pose[3 * j] / 1000, pose[3 * j + 1] / 1000, pose[3 * j + 2] / 1000];
    pen.globalAlpha = 0.14; // the shadow
    pen.strokeStyle = colours[""];
    for (const [a, b] of bones) {
      const [p, q] = [a, b].map((j) => { const [x, , z] = point(j); return place([x, 0, z]); });
      line(p, q, LIMB * p.scale);
    }
    pen.globalAlpha = 1;
    const drawn = bones.map(([a, b, side]) => ({ a: place(point(a)), b: place(point(b)), side, ball: b === head }));
    drawn.sort((p, q) => p.a.scale + p.b.scale - q.a.scale - q.b.scale); // far ones first
    for (const { a, b, side, ball } of drawn) {
      pen.strokeStyle = pen.fillStyle = colours[side];
      line(a, b, (LIMB * (a.scale + b.scale)) / 2);
      if (ball) {
        pen.beginPath();
        pen.arc(b.x, b.y, 0.085 * b.scale, 0, 2 * Math.PI);
        pen.fill();
      }
    }
    drawForces(motion, place, line, pen, colours.force);
  }

  function drawForces({ arrows, frames: count }, place, line, pen, colour) {
    const size = arrows.length / count, start = Math.min(Math.floor(frame), count - 1) * size;
    pen.strokeStyle = pen.fillStyle = colour;
    for (let i = start; i < start + size; i += 6) {
      if (arrows[i] === -1e6) continue;
      const [tail, tip] = [0, 3].map((k) => place([arrows[i + k] / 1000, arrows[i + k + 1] / 1000, arrows[i + k + 2] / 1000]));
      const length = Math.hypot(tip.x - tail.x, tip.y - tail.y);
      if (length < 2) continue;
      const [dx, dy] = [(tip.x - tail.x) / length, (tip.y - tail.y) / length], barb = Math.min(0.06 * tip.scale, length);
      line(tail, { x: tip.x - barb * dx, y: tip.y - barb * dy }, 0.014 * tail.scale);
      pen.beginPath();
      pen.moveTo(tip.x, tip.y);
      pen.lineTo(tip.x - barb * (dx - 0.45 * dy), tip.y - barb * (dy + 0.45 * dx));
      pen.lineTo(tip.x - barb * (dx + 0.45 * dy), tip.y - barb * (dy - 0.45 * dx));
      pen.fill();
    }
  }

  function tick(now) {
    request = 0;
    if (!playing || !inView) return;
    // A suspended page resumes where it was; the first frame may carry a time stamp from before its request.
    const passed = Math.min(Math.max((now - before) / 1000, 0), 0.25);
    frame = (frame + rate * Number(speed.value) * passed) % frames;
    before = now;
    draw();
    request = requestAnimationFrame(tick);
  }
  function run(wanted) {
    playing = wanted;
    button.textContent = playing ? "Pause" : "Play";
    if (playing && inView && !request) {
      before = performance.now();
      request = requestAnimationFrame(tick);
    }
  }
  function enlarge(factor) {
    zoom = Math.min(4, Math.max(0.4, zoom * factor));
    draw();
  }
  function turn(sideways, upwards) {
    yaw += sideways;
    pitch = Math.min(1.5, Math.max(-0.05, pitch + upwards));
    draw();
  }

  const keys = { ArrowLeft: [0.12, 0], ArrowRight: [-0.12, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] };
  stage.addEventListener("keydown", (event) => {
    if (event.key in keys) turn(...keys[event.key]);
    else if (event.key === "Home") { zoom = 1; turn(START.yaw - yaw, START.pitch - pitch); }
    else if (event.key === "+" || event.key === "=") enlarge(1.25);
    else if (event.key === "-") enlarge(0.8);
    else if (event.key === " ") run(!playing);
    else return;
    event.preventDefault();
  });
  stage.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY];
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    turn((held[0] - event.clientX) / 120, (event.clientY - held[1]) / 150);
    held = [event.clientX, event.clientY];
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { held = null; });
  root.querySelectorAll("[data-turn]").forEach((each) => {
    each.addEventListener("click", () => turn(Number(each.dataset.turn), 0));
  });
  root.querySelectorAll("[data-zoom]").forEach((each) => {
    each.addEventListener("click", () => enlarge(Number(each.dataset.zoom)));
  });
  button.addEventListener("click", () => run(!playing));
  time.addEventListener("input", () => { run(false); frame = Number(time.value); draw(); });
  if (choice) choice.addEventListener("change", () => choose(Number(choice.value)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());

  new ResizeObserver(() => {
    for (const canvas of canvases) {
      canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
      canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    }
    draw();
  }).observe(stage);
  new IntersectionObserver(([seen]) => { inView = seen.isIntersecting; run(playing); }).observe(stage);
  choose(0);
  run(playing);
}

document.querySelectorAll(".player").forEach(play);
