// The moving body in 3D: a skin on SMPL's joints, turned by hand, played by the slider.

const FIELD_OF_VIEW = 32;
const PATH_JOINTS = [
  "head",
  "left_wrist",
  "right_wrist",
  "left_elbow",
  "right_elbow",
  "left_knee",
  "right_knee",
  "left_ankle",
  "right_ankle",
  "pelvis",
];
const EARLY = "#2b6cb0",
  LATE = "#dd6b20";

async function unpackSurface(surface) {
  const [faces, vertex, uv, joints, weights] = await Promise.all([
    numbers(surface.faces, Uint16Array),
    numbers(surface.vertex, Uint16Array),
    numbers(surface.uv, Uint16Array),
    numbers(surface.skin_joints, Uint8Array),
    numbers(surface.skin_weights, Uint8Array),
  ]);
  return { faces, vertex, uv, joints, weights, parents: surface.parents, names: surface.names };
}

class BodyView {
  static async create(canvas, card, packedSurface) {
    const THREE = await loadThree();
    const surface = await unpackSurface(packedSurface);
    const [rest, turns] = await Promise.all([
      numbers(card.body.rest, Int16Array),
      numbers(card.body.turns, Int16Array),
    ]);
    return new BodyView(THREE, canvas, card, surface, rest, turns);
  }

  constructor(THREE, canvas, card, surface, rest, turns) {
    Object.assign(this, { THREE, canvas, card, surface });
    this.renderer = new THREE.WebGLRenderer({
      canvas,
      antialias: true,
      alpha: true,
      preserveDrawingBuffer: true,
    });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.05, 200);
    this.scene.add(this.camera, new THREE.HemisphereLight(0xffffff, 0x8a8f98, 1.9));
    const lamp = new THREE.DirectionalLight(0xffffff, 1.6);
    lamp.position.set(0.6, 1.0, 0.8);
    this.camera.add(lamp);
    this.camera.add(lamp.target);
    lamp.target.position.set(0, 0, -1);
    this.turns = this.unpackTurns(turns);
    this.roots = card.body.roots.map((place) => new THREE.Vector3(...place));
    this.makeSkin(rest);
    this.makePaths();
    this.makePhoto();
    this.controls = new THREE.OrbitControls(this.camera, canvas);
    canvas.style.touchAction = "pan-y"; // a finger that moves up or down scrolls the page
    this.controls.enableZoom = false; // the page scrolls; two fingers and the buttons zoom
    this.controls.addEventListener("change", () => this.draw());
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(canvas.parentElement);
    this.show(0);
    this.look("side");
    this.resize();
  }

  unpackTurns(turns) {
    const { THREE, surface } = this,
      step = this.card.body.turn_step,
      count = surface.parents.length;
    return this.card.body.roots.map((_, frame) =>
      surface.parents.map((_, joint) => {
        const at = 4 * (frame * count + joint);
        return new THREE.Quaternion(...[0, 1, 2, 3].map((k) => step * turns[at + k])).normalize();
      }),
    );
  }

  makeSkin(rest) {
    const { THREE, surface, card } = this,
      step = card.body.rest_step;
    const { vertex, faces } = surface,
      count = vertex.length;
    const places = new Float32Array(3 * count),
      uv = new Float32Array(2 * count),
      weights = new Float32Array(4 * count),
      joints = new Uint16Array(4 * count);
    for (let v = 0; v < count; v++) {
      const own = vertex[v];
      for (let k = 0; k < 3; k++) places[3 * v + k] = step * rest[3 * own + k];
      uv[2 * v] = surface.uv[2 * v] / 65535;
      uv[2 * v + 1] = 1 - surface.uv[2 * v + 1] / 65535;
      const sum = [0, 1, 2, 3].reduce((total, k) => total + surface.weights[4 * own + k], 0);
      for (let k = 0; k < 4; k++) {
        joints[4 * v + k] = surface.joints[4 * own + k];
        weights[4 * v + k] = surface.weights[4 * own + k] / sum;
      }
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    geometry.setAttribute("normal", new THREE.BufferAttribute(this.normals(places), 3));
    geometry.setAttribute("uv", new THREE.BufferAttribute(uv, 2));
    geometry.setAttribute("skinIndex", new THREE.BufferAttribute(joints, 4));
    geometry.setAttribute("skinWeight", new THREE.BufferAttribute(weights, 4));
    geometry.setIndex(new THREE.BufferAttribute(faces, 1));
    this.texture = this.loadTexture(card.body.texture);
    this.textured = new THREE.MeshLambertMaterial({ map: this.texture });
    this.clay = new THREE.MeshLambertMaterial({ color: 0xd8c9b6 });
    this.mesh = new THREE.SkinnedMesh(geometry, this.textured);
    this.mesh.frustumCulled = false;
    this.bones = this.makeBones();
    const inverses = card.body.rest_joints.map(([x, y, z]) =>
      new THREE.Matrix4().makeTranslation(-x, -y, -z),
    );
    this.scene.add(this.mesh, this.bones[0]);
    this.mesh.bind(new THREE.Skeleton(this.bones, inverses), new THREE.Matrix4());
  }

  makeBones() {
    const { THREE, surface, card } = this,
      rest = card.body.rest_joints;
    const bones = surface.parents.map(() => new THREE.Bone());
    surface.parents.forEach((parent, joint) => {
      if (parent < 0) return;
      bones[joint].position.set(...rest[joint].map((value, k) => value - rest[parent][k]));
      bones[parent].add(bones[joint]);
    });
    return bones;
  }

  // Of the surface without its seams, or one would see them.
  normals(places) {
    const { vertex, faces } = this.surface,
      sums = new Float32Array(3 * (Math.max(...vertex) + 1));
    for (let f = 0; f < faces.length; f += 3) {
      const [a, b, c] = [faces[f], faces[f + 1], faces[f + 2]].map((v) => places.subarray(3 * v, 3 * v + 3));
      const p = [b[0] - a[0], b[1] - a[1], b[2] - a[2]],
        q = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
      const n = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
      for (let k = 0; k < 3; k++) for (let i = 0; i < 3; i++) sums[3 * vertex[faces[f + k]] + i] += n[i];
    }
    const normals = new Float32Array(places.length);
    for (let v = 0; v < vertex.length; v++) {
      const own = sums.subarray(3 * vertex[v], 3 * vertex[v] + 3),
        length = Math.hypot(...own) || 1;
      for (let k = 0; k < 3; k++) normals[3 * v + k] = own[k] / length;
    }
    return normals;
  }

  loadTexture(address) {
    const texture = new this.THREE.Texture(new Image());
    texture.colorSpace = this.THREE.SRGBColorSpace;
    texture.image.onload = () => {
      texture.needsUpdate = true;
      this.draw();
    };
    texture.image.src = address;
    return texture;
  }

  // Where joints go, early in blue, late in orange.
  makePaths() {
    const { THREE, surface } = this,
      count = this.roots.length,
      places = [],
      colours = [];
    const joints = PATH_JOINTS.map((name) => surface.names.indexOf(name)).filter((joint) => joint >= 0);
    const found = this.roots.map((_, frame) => {
      this.pose(frame);
      return joints.map((joint) => this.bones[joint].getWorldPosition(new THREE.Vector3()));
    });
    for (let frame = 1; frame < count; frame++) {
      const colour = new THREE.Color(EARLY).lerp(new THREE.Color(LATE), frame / (count - 1)).toArray();
      joints.forEach((_, k) => {
        places.push(...found[frame - 1][k].toArray(), ...found[frame][k].toArray());
        colours.push(...colour, ...colour);
      });
    }
    this.paths = new THREE.Group();
    this.scene.add(this.paths);
    if (!places.length) return;
    const geometry = new THREE.LineSegmentsGeometry().setPositions(places).setColors(colours);
    const lines = new THREE.LineSegments2(
      geometry,
      new THREE.LineMaterial({ vertexColors: true, linewidth: 3, depthTest: false, transparent: true }),
    );
    lines.renderOrder = 2;
    lines.frustumCulled = false;
    this.paths.add(lines);
  }

  // The photo behind the body, where the camera saw it, and the camera's field of view.
  makePhoto() {
    const { THREE, card } = this,
      { focal, centre, size } = card.body.camera;
    const depth = 1.35 * Math.max(...this.roots.map((place) => -place.z), 0.5);
    const corner = (x, y) => [
      ((x - centre[0]) / focal[0]) * depth,
      (-(y - centre[1]) / focal[1]) * depth,
      -depth,
    ];
    const corners = [corner(0, 0), corner(size[0], 0), corner(size[0], size[1]), corner(0, size[1])];
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(corners.flat()), 3));
    geometry.setAttribute("uv", new THREE.BufferAttribute(new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]), 2));
    geometry.setIndex([0, 2, 1, 0, 3, 2]);
    this.photo = new THREE.Group();
    this.photo.add(
      new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ map: this.loadTexture(card.whole), side: 2 })),
    );
    const rays = corners.flatMap((place, k) => [0, 0, 0, ...place, ...place, ...corners[(k + 1) % 4]]);
    const lines = new THREE.BufferGeometry();
    lines.setAttribute("position", new THREE.BufferAttribute(new Float32Array(rays), 3));
    this.photo.add(new THREE.LineSegments(lines, new THREE.LineBasicMaterial({ color: 0x8a8f98 })));
    this.scene.add(this.photo);
  }

  pose(frame) {
    const last = this.roots.length - 1,
      low = Math.min(Math.floor(frame), last),
      high = Math.min(low + 1, last),
      share = frame - low;
    this.bones.forEach((bone, joint) =>
      bone.quaternion.copy(this.turns[low][joint]).slerp(this.turns[high][joint], share),
    );
    this.bones[0].position.copy(this.roots[low]).lerp(this.roots[high], share);
    this.bones[0].updateMatrixWorld(true);
  }

  show(frame) {
    this.pose(frame);
    this.draw();
  }

  look(from) {
    const { THREE, camera } = this,
      target = new THREE.Vector3();
    for (const place of this.roots) target.addScaledVector(place, 1 / this.roots.length);
    const spread = Math.max(...this.roots.map((place) => place.distanceTo(target)));
    const extent = 1.15 + spread;
    this.from = from;
    if (from === "camera") {
      camera.position.set(0, 0, 0);
      camera.fov = (2 * Math.atan(extent / target.length()) * 180) / Math.PI;
    } else {
      const angle = { side: 0.75, right: Math.PI / 2, back: Math.PI }[from] || 0;
      const away = extent / Math.tan((FIELD_OF_VIEW * Math.PI) / 360),
        rise = from === "top" ? 1.45 : 0.12;
      camera.fov = FIELD_OF_VIEW;
      camera.position
        .set(Math.sin(angle) * Math.cos(rise), Math.sin(rise), Math.cos(angle) * Math.cos(rise))
        .multiplyScalar(away)
        .add(target);
    }
    camera.updateProjectionMatrix();
    this.controls.target.copy(target);
    this.controls.update();
    this.draw();
  }

  // What is shown: photo, paths, texture.
  setPart(part, isShown) {
    if (part === "texture") this.mesh.material = isShown ? this.textured : this.clay;
    else this[part].visible = isShown;
    this.draw();
  }

  zoom(factor) {
    this.camera.zoom = Math.min(Math.max(this.camera.zoom * factor, 0.3), 8);
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  turn(angle) {
    const away = this.camera.position.clone().sub(this.controls.target);
    away.applyAxisAngle(new this.THREE.Vector3(0, 1, 0), angle);
    this.camera.position.copy(this.controls.target).add(away);
    this.controls.update();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    if (!clientWidth) return;
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() {
    if (this.isGone) return;
    if (!this.controls) return; // not ready yet
    this.renderer.render(this.scene, this.camera);
  }

  dispose() {
    this.isGone = true;
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }
}
