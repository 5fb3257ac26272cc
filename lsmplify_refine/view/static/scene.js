// Moves a scene of viser's client through its frames. The client reads messages; these are the server's own.
"use strict";

/** Views on the page's numbers: {at, count, kind} becomes a typed array. */
function opened(value, buffer) {
  if (Array.isArray(value)) return value.map((each) => opened(each, buffer));
  if (value === null || typeof value !== "object") return value;
  if ("kind" in value && "at" in value) {
    const kinds = { i2: Int16Array, i4: Int32Array, f4: Float32Array, u1: Uint8Array };
    return new kinds[value.kind](buffer, value.at, value.count);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each, buffer)]));
}

async function clipOfPage() {
  const tree = JSON.parse(document.getElementById("clip").textContent);
  const packed = Uint8Array.from(atob(document.getElementById("clip-arrays").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return opened(tree, await new Response(stream).arrayBuffer());
}

/** viser's client, once it has built the last node of the scene. */
function client(lastNode) {
  return new Promise((ready) => {
    const look = () => {
      const built = window.__viserMutable && window.__viserSceneTree && window.__viserSceneTree.getState()[lastNode];
      if (built) ready(window.__viserMutable);
      else requestAnimationFrame(look);
    };
    look();
  });
}

function product([aw, ax, ay, az], [bw, bx, by, bz]) {
  return [
    aw * bw - ax * bx - ay * by - az * bz,
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
  ];
}

function turned([w, x, y, z], [vx, vy, vz]) {
  const [tx, ty, tz] = [2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)];
  return [vx + w * tx + y * tz - z * ty, vy + w * ty + z * tx - x * tz, vz + w * tz + x * ty - y * tx];
}

/** From a point to a ray, whose direction is of unit length. */
function distance(origin, [dx, dy, dz], point) {
  const [x, y, z] = point.map((value, axis) => value - origin[axis]);
  return Math.hypot(y * dz - z * dy, z * dx - x * dz, x * dy - y * dx);
}

/** Rotation and position of every joint of a figure in one of its rows. */
function bones(figure, row) {
  const rotations = [], positions = [];
  figure.parents.forEach((parent, joint) => {
    let local = [1, 0, 0, 0];
    if (joint < figure.moving) {
      const at = 4 * (row * figure.moving + joint);
      local = Array.from(figure.quaternions.subarray(at, at + 4), (value) => value / 32767);
    }
    if (parent < 0) {
      rotations.push(local);
      positions.push(Array.from(figure.pelvis.subarray(3 * row, 3 * row + 3)));
      return;
    }
    const step = turned(rotations[parent], figure.offsets[joint]);
    rotations.push(product(rotations[parent], local));
    positions.push(positions[parent].map((value, axis) => value + step[axis]));
  });
  return { rotations, positions };
}

class Scene {
  constructor(viser, clip) {
    this.viser = viser;
    this.clip = clip;
    this.rows = new Map();
  }

  send(messages) {
    // a plain push: a big frame has more messages than a call may have arguments
    for (const message of messages) this.viser.messageQueue.push({ owner: "", ...message });
    this.viser.requestRender();
  }

  makeClickable() {
    const bindings = [{ button: "left", modifier: null }];
    const joints = this.clip.spaces.flatMap((space) => space.people.map((person) => person.joints));
    this.send(joints.map((name) => ({ type: "SetSceneNodeClickBindingsMessage", name, bindings })));
  }

  /** Row of a frame in a track, or -1. */
  row(track, frame) {
    if (!this.rows.has(track)) this.rows.set(track, new Map(Array.from(track, (id, row) => [id, row])));
    return this.rows.get(track).get(frame) ?? -1;
  }

  show(frame, shown) {
    const out = [];
    const see = (name, visible) => out.push({ type: "SetSceneNodeVisibilityMessage", name, visible });
    const place = (name, position) => out.push({ type: "SetPositionMessage", name, position });
    for (const space of this.clip.spaces) {
      see(space.root, space.name === shown.space);
      if (space.name !== shown.space) continue;
      place(space.before, [shown.layout === "side by side" ? -space.apart : 0, 0, 0]);
      space.people.forEach((person, index) => {
        const visible = !shown.hidden.has(index);
        for (const [stage, figure] of Object.entries(person.figures)) {
          const row = this.row(figure.frames, frame);
          see(figure.node, visible && shown[stage] && row >= 0);
          figure.trails.forEach((trail) => see(trail, visible && shown[stage] && shown.trails));
          const opacity = shown.joints ? figure.seeThrough : figure.opacity;
          out.push({ type: "SceneNodeUpdateMessage", name: figure.node, updates: { opacity } });
          if (row >= 0 && visible && shown[stage]) this.pose(figure, row, out);
        }
        this.showParts(person, visible ? this.row(person.figures.after.frames, frame) : -1, shown, index, see, place, out);
      });
      this.showPicture(space, frame, out);
    }
    this.send(out);
  }

  pose(figure, row, out) {
    const { rotations, positions } = bones(figure, row);
    positions.forEach((position, bone_index) => {
      const name = figure.node;
      out.push({ type: "SetBoneOrientationMessage", name, bone_index, wxyz: rotations[bone_index] });
      out.push({ type: "SetBonePositionMessage", name, bone_index, position });
    });
  }

  showParts(person, row, shown, index, see, place, out) {
    const update = (name, updates) => out.push({ type: "SceneNodeUpdateMessage", name, updates });
    const joints = row >= 0 ? bones(person.figures.after, row).positions : null;
    person.feet.forEach((foot, side) => {
      see(foot.node, row >= 0 && shown.feet && person.contacts[2 * row + side] > 0);
      if (joints) place(foot.node, joints[foot.joint]);
    });
    see(person.joints, row >= 0 && shown.joints);
    if (joints && shown.joints) {
      const colors = new Uint8Array(3 * person.pickable);
      for (let joint = 0; joint < person.pickable; joint++) {
        const picked = shown.picked && shown.picked[0] === index && shown.picked[1] === joint;
        colors.set(picked ? person.pickedColor : person.jointColor, 3 * joint);
      }
      const batched_positions = new Float32Array(joints.slice(0, person.pickable).flat());
      update(person.joints, { batched_positions, batched_colors: colors });
    }
    if (person.label) {
      see(person.label, row >= 0);
      if (joints) place(person.label, [joints[15][0], joints[15][1] + person.labelAbove, joints[15][2]]);
    }
    if (person.aim) {
      const count = person.aim.count, points = [], lines = [];
      for (let point = 0; row >= 0 && point < count; point++) {
        const at = 3 * (row * count + point);
        const target = Array.from(person.aim.target.subarray(at, at + 3));
        if (!target.every(Number.isFinite)) continue;
        points.push(...target);
        lines.push(...person.aim.body.subarray(at, at + 3), ...target);
      }
      see(person.aim.points, shown.keypoints && points.length > 0);
      see(person.aim.lines, shown.keypoints && points.length > 0);
      if (points.length && shown.keypoints) {
        update(person.aim.points, { points: new Float32Array(points) });
        update(person.aim.lines, { points: new Float32Array(lines) });
      }
    }
  }

  showPicture(space, frame, out) {
    const pictures = this.clip.pictures;
    if (!space.frustum || !pictures.frames.length) return;
    let found = 0;
    while (found + 1 < pictures.frames.length && pictures.frames[found + 1] <= frame) found++;
    if (this.picture === found) return;
    this.picture = found;
    const updates = { _format: "jpeg", _image_data: pictures.images[found] };
    out.push({ type: "SceneNodeUpdateMessage", name: space.frustum, updates });
  }

  look({ position, look_at, fov }) {
    this.send([
      { type: "SetCameraFovMessage", fov, initial: false },
      { type: "SetCameraPositionMessage", position, initial: false },
      { type: "SetCameraLookAtMessage", look_at, initial: false },
    ]);
  }
}
