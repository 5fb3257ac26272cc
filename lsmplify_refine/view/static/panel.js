// The controls of a page: what to show, the frame, its numbers. Texts of files become text nodes, never HTML.
"use strict";

const byId = (id) => document.getElementById(id);
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
const NONE = "none";

function element(tag, text, parent) {
  const made = document.createElement(tag);
  made.textContent = text;
  parent.append(made);
  return made;
}

function fill(select, options, chosen) {
  options.forEach((text, index) => (element("option", text, select).value = String(index)));
  select.value = String(options.indexOf(chosen));
}

function checkbox(parent, text, checked, changed) {
  const label = element("label", "", parent);
  const box = element("input", "", label);
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => changed(box.checked));
  label.append(` ${text}`);
  return box;
}

/** viser's notes have a button that only shows a cross. */
function nameButtons() {
  const name = () => {
    for (const button of document.querySelectorAll(".mantine-Notification-closeButton:not([aria-label])")) {
      button.setAttribute("aria-label", "Close");
    }
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
}

class Panel {
  constructor(scene) {
    this.scene = scene;
    this.clip = scene.clip;
    this.frame = this.clip.start;
    this.playing = false;
    this.clock = null;
    this.shown = { ...this.clip.shown, space: this.clip.spaces[0].name, hidden: new Set(), picked: null };
    this.addLegend();
    this.addControls();
    this.addJoints();
    this.addTimeline();
    addEventListener("keydown", (event) => this.key(event), { capture: true });
    addEventListener("message", (event) => this.hear(event));
    // what the client would tell its server
    scene.viser.sendMessage = (message) => this.clicked(message);
    scene.makeClickable();
    nameButtons();
    this.look();
    this.draw();
  }

  look() {
    const views = this.space().views;
    this.scene.look(views[this.views[byId("view").value]] ?? views[this.views[0]]);
  }

  space() {
    return this.clip.spaces.find((space) => space.name === this.shown.space);
  }

  addLegend() {
    byId("name").textContent = this.clip.name;
    for (const { color, text } of this.clip.legend) {
      element("li", text, byId("legend")).style.setProperty("--swatch", `rgb(${color.join(",")})`);
    }
  }

  addControls() {
    this.boxes = {};
    for (const [part, text] of Object.entries(this.clip.parts)) {
      this.boxes[part] = checkbox(byId("parts"), text, this.shown[part], (on) => {
        this.shown[part] = on;
        this.draw();
      });
    }
    const several = this.clip.people.length > 1;
    byId("people").hidden = byId("of").hidden = !several;
    this.clip.people.forEach((person, index) => {
      checkbox(byId("people"), `person ${person.name}`, true, (on) => {
        this.shown.hidden[on ? "delete" : "add"](index);
        this.draw();
      });
    });
    const spaces = this.clip.spaces.map((space) => space.name);
    fill(byId("layout"), this.clip.layouts, this.shown.layout);
    fill(byId("space"), spaces, this.shown.space);
    byId("space").disabled = spaces.length < 2;
    this.views = [...new Set(this.clip.spaces.flatMap((space) => Object.keys(space.views)))];
    fill(byId("view"), this.views, this.views[0]);
    byId("view").disabled = this.views.length < 2;
    byId("view").addEventListener("change", () => this.look());
    byId("layout").addEventListener("change", () => {
      this.shown.layout = this.clip.layouts[byId("layout").value];
      this.draw();
    });
    byId("space").addEventListener("change", () => {
      this.shown.space = spaces[byId("space").value];
      this.look();
      this.draw();
    });
  }

  addJoints() {
    fill(byId("person"), this.clip.people.map((person) => person.name), this.clip.people[0].name);
    fill(byId("joint"), [NONE, ...this.clip.joints], NONE);
    for (const id of ["person", "joint"]) {
      byId(id).addEventListener("change", () => {
        const joint = byId("joint").value - 1;
        this.pick(joint < 0 ? null : [Number(byId("person").value), joint]);
      });
    }
  }

  addTimeline() {
    const { start, stop } = this.clip;
    Object.assign(byId("frame"), { min: start, max: stop - 1, value: start });
    byId("frame").disabled = byId("play").disabled = stop - start < 2;
    byId("frame").addEventListener("input", () => this.seek(Number(byId("frame").value)));
    byId("play").addEventListener("click", () => this.toggle());
    fill(byId("speed"), SPEEDS.map((speed) => `${speed}\u00d7`), "1\u00d7");
    byId("speed").addEventListener("change", () => (this.clock = null));
  }

  toggle() {
    this.playing = !this.playing && this.clip.stop - this.clip.start > 1;
    byId("play").textContent = this.playing ? "Pause" : "Play";
    this.clock = null;
    if (this.playing) requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    if (!this.playing) return;
    this.clock ??= { now, frame: this.frame };
    const passed = Math.floor(((now - this.clock.now) / 1000) * this.clip.fps * SPEEDS[byId("speed").value]);
    const frame = this.clip.start + ((this.clock.frame - this.clip.start + passed) % (this.clip.stop - this.clip.start));
    if (frame !== this.frame) this.move(frame);
    requestAnimationFrame((later) => this.tick(later));
  }

  /** Go to a frame, and play on from there. */
  seek(frame) {
    this.clock = null;
    this.move(frame);
  }

  move(frame) {
    this.frame = Math.max(this.clip.start, Math.min(this.clip.stop - 1, Math.round(frame)));
    this.draw();
    if (parent !== window) parent.postMessage({ type: "lsmplify-refine-frame", frame: this.frame }, "*");
  }

  draw() {
    this.scene.show(this.frame, this.shown);
    byId("frame").value = this.frame;
    byId("now").textContent = `${this.frame} of ${this.clip.stop - 1}`;
    byId("frame").setAttribute("aria-valuetext", `frame ${byId("now").textContent}`);
    this.tell();
  }

  tell() {
    const numbers = byId("numbers");
    numbers.replaceChildren();
    this.clip.people.forEach((person, index) => {
      const there = this.space().people[index];
      const row = this.scene.row(there.figures.after.frames, this.frame);
      if (this.shown.hidden.has(index)) return;
      const picked = this.shown.picked && this.shown.picked[0] === index;
      if (row >= 0 && !picked && !Object.keys(person.numbers).length) return;
      if (this.clip.people.length > 1) element("h2", `person ${person.name}`, numbers);
      if (row < 0) {
        element("div", "not in this frame", numbers);
        return;
      }
      const list = element("dl", "", numbers);
      const line = (label, value) => {
        const words = element("dt", "", list);
        // long names break after an underscore
        label.split(/(?<=_)/).forEach((part) => words.append(part, document.createElement("wbr")));
        element("dd", value, list);
      };
      for (const [label, values] of Object.entries(person.numbers)) if (values[row]) line(label, values[row]);
      if (picked) this.tellJoint(there, row, line);
    });
  }

  tellJoint(person, row, line) {
    const joint = this.shown.picked[1];
    const place = bones(person.figures.after, row).positions[joint];
    line(`${this.clip.joints[joint]}, m`, place.map((value) => value.toFixed(3)).join(", "));
    for (const [label, values] of Object.entries(person.jointNumbers)) {
      const value = values[row * person.pickable + joint];
      if (value >= 0) line(label, (value / 10).toFixed(1));
    }
  }

  pick(picked) {
    this.shown.picked = picked;
    if (picked) {
      byId("person").value = String(picked[0]);
      byId("joint").value = String(picked[1] + 1);
    }
    this.draw();
  }

  clicked(message) {
    if (message.type !== "SceneNodeClickMessage") return;
    const person = this.space().people.findIndex((each) => each.joints === message.name);
    if (person < 0) return;
    const { figures, pickable } = this.space().people[person];
    const row = this.scene.row(figures.after.frames, this.frame);
    if (row < 0) return;
    // the instance that viser names is missing for some clicks
    const places = bones(figures.after, row).positions.slice(0, pickable);
    const far = places.map((place) => distance(message.ray_origin, message.ray_direction, place));
    this.pick([person, far.indexOf(Math.min(...far))]);
  }

  /** The page around this one asks for a frame. */
  hear(event) {
    if (event.source !== parent || parent === window || event.data?.type !== "lsmplify-refine-seek") return;
    if (Number.isFinite(event.data.frame) && Math.round(event.data.frame) !== this.frame) this.seek(event.data.frame);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = (id) => {
      const select = byId(id);
      select.value = String((Number(select.value) + 1) % select.options.length);
      select.dispatchEvent(new Event("change"));
    };
    const acts = {
      " ": () => this.toggle(),
      p: () => this.toggle(),
      arrowleft: () => this.seek(this.frame - 1),
      arrowright: () => this.seek(this.frame + 1),
      home: () => this.seek(this.clip.start),
      end: () => this.seek(this.clip.stop - 1),
      l: () => turn("layout"),
      c: () => turn("space"),
      v: () => turn("view"),
      j: () => this.boxes.joints.click(),
      t: () => this.boxes.trails.click(),
    };
    const key = event.key.toLowerCase();
    // a control that has the focus keeps the keys that it understands
    const inControl = event.target.matches?.("select, button, summary, input[type=checkbox]");
    if (!acts[key] || (inControl && event.target.tagName === "SELECT") || (inControl && key === " ")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    acts[key]();
  }
}

clipOfPage().then(async (clip) => {
  const viser = await client(clip.lastNode);
  window.lsmplifyPanel = new Panel(new Scene(viser, clip));
});
