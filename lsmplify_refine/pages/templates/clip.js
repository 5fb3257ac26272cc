"use strict";
// the cursor of all figures, the video, and the moments show the same frame
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const film = document.getElementById("film");
  const scene = document.querySelector("iframe.scene");
  const output = document.querySelector("#readout output");
  const plots = [...document.querySelectorAll(".person .plot")].filter((plot) => plot.dataset.first !== undefined);
  const rows = data.people.map((person) => person && new Map(person.frames.map((frame, row) => [frame, row])));
  const ranges = plots.map((plot) => [Number(plot.dataset.first), Number(plot.dataset.last)]);
  const first = Math.min(...ranges.map((range) => range[0]));
  const last = Math.max(...ranges.map((range) => range[1]));
  if (!plots.length) return;
  let frame = first;

  const figures = (value) => (value === null ? "–" : value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

  const describe = () => {
    const several = data.people.length > 1;
    const said = [];
    data.people.forEach((person, index) => {
      const row = person && rows[index].get(frame);
      if (row === undefined || row === null || person === null) return;
      const why = person.reason[row] ? ` (${person.reason[row]})` : "";
      said.push(`${several ? `person ${person.name} ` : ""}${figures(person.before[row])} → ${figures(person.after[row])} ${person.unit}, ${person.status[row]}${why}`);
    });
    output.textContent = [frame, said.join("; ")].filter((each) => each !== "").join(": ");
  };

  const show = (wanted) => {
    frame = Math.max(first, Math.min(last, wanted));
    plots.forEach((plot, index) => {
      const [begin, end] = ranges[index];
      const left = Number(plot.dataset.left), right = Number(plot.dataset.right);
      const share = (frame - begin + 0.5) / (end - begin + 1);
      const cursor = plot.querySelector(".cursor");
      cursor.hidden = frame < begin || frame > end;
      cursor.style.left = `${100 * (left + share * (right - left))}%`;
    });
    document.body.dataset.frame = String(frame);
    describe();
    if (scene) scene.contentWindow.postMessage({ type: "lsmplify-refine-seek", frame }, "*");
  };

  // the middle of a frame, so that rounding does not show its neighbour
  const timeOf = (wanted) => {
    const { count, step, each } = data.times;
    const at = Math.min(wanted, count - 1);
    if (!each) return (at + 0.5) * step;
    return at + 1 < count ? (each[at] + each[at + 1]) / 2 : each[at] + 0.001;
  };
  const frameAt = (time) => {
    const { count, step, each } = data.times;
    if (!each) return step ? Math.min(count - 1, Math.floor(time / step + 0.1)) : 0;
    let low = 0, high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (each[middle] <= time + 1e-6) low = middle; else high = middle - 1;
    }
    return low;
  };

  const go = (wanted) => {
    show(wanted);
    if (film && data.times) film.currentTime = timeOf(frame);
  };

  plots.forEach((plot, index) => {
    const [begin, end] = ranges[index];
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      const left = Number(plot.dataset.left), right = Number(plot.dataset.right);
      const share = ((event.clientX - box.left) / box.width - left) / (right - left);
      go(Math.round(begin - 0.5 + Math.max(0, Math.min(1, share)) * (end - begin + 1)));
    });
    plot.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      go(frame + step);
    });
  });
  document.querySelectorAll("[data-frame]").forEach((button) => {
    if (button !== document.body) button.addEventListener("click", () => go(Number(button.dataset.frame)));
  });

  if (film && data.times) {
    const follow = (time) => show(frameAt(time));
    film.addEventListener("seeked", () => follow(film.currentTime));
    if ("requestVideoFrameCallback" in film) {
      const next = (_now, metadata) => {
        follow(metadata.mediaTime);
        film.requestVideoFrameCallback(next);
      };
      film.requestVideoFrameCallback(next);
    } else {
      film.addEventListener("timeupdate", () => follow(film.currentTime));
    }
  }
  if (scene) {
    addEventListener("message", ({ source, data: said }) => {
      if (source !== scene.contentWindow || said.type !== "lsmplify-refine-frame" || said.frame === frame) return;
      if (film && !film.paused) return;
      go(Number(said.frame));
    });
  }
  document.body.classList.add("linked");
  show(frame);
})();
