const element = (id) => document.getElementById(id);
const [drop, files, message, answers] = ["drop", "files", "message", "answers"].map(element);
const kinds = ["image/jpeg", "image/png"];
let token = "";
let camera = null;
let refused = [];

async function asked(path, content) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const body = content === undefined ? undefined : JSON.stringify(content);
  const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body, cache: "no-store" });
  const found = await answer.json();
  element("token-form").hidden = answer.status !== 401;
  return { status: answer.status, found };
}

async function base64(file) {
  const url = await new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}

function show(file, name, lines, good, faces = []) {
  const entry = document.createElement("li");
  const picture = document.createElement("div");
  picture.className = faces.length ? "picture whole" : "picture";
  const image = document.createElement("img");
  image.src = URL.createObjectURL(file);
  image.alt = faces.length ? `Photograph ${name}, ${faces.length === 1 ? "one face" : `${faces.length} faces`} boxed` : `Photograph ${name}`;
  picture.append(image);
  image.addEventListener("load", () => faces.forEach((face, place) => picture.append(box(face, place, image))));
  const result = document.createElement(good ? "strong" : "span");
  result.className = good ? "" : "unread";
  result.textContent = lines[0];
  entry.append(picture, result);
  for (const line of [...lines.slice(1), name]) {
    const small = document.createElement("small");
    small.textContent = line;
    entry.append(small);
  }
  answers.prepend(entry);
  element("answers-heading").hidden = false;
}

function box(face, place, image) {
  const frame = document.createElement("span");
  frame.className = "face";
  frame.setAttribute("aria-hidden", "true");
  frame.textContent = place + 1;
  const [left, top, width, height] = face.box;
  const share = (part, whole) => `${(100 * part) / whole}%`;
  frame.style.left = share(left, image.naturalWidth);
  frame.style.top = share(top, image.naturalHeight);
  frame.style.width = share(width, image.naturalWidth);
  frame.style.height = share(height, image.naturalHeight);
  return frame;
}

function years(prediction) {
  const age = typeof prediction === "number" ? prediction : prediction.age;
  const lines = [`${age.toFixed(1)} years`];
  if (typeof prediction.age_low === "number") {
    lines.push(`between ${prediction.age_low.toFixed(1)} and ${prediction.age_high.toFixed(1)}`);
  }
  return lines;
}

function ages(found, faces) {
  if (faces.length < 2) return years(found.predictions[0]);
  return faces.map((face, place) => `${place + 1}: ${years(face).join(", ")}`);
}

async function ask(file, name) {
  if (!kinds.includes(file.type)) {
    message.textContent = `${name} is neither JPEG nor PNG.`;
    return;
  }
  const { status, found } = await asked("v1/models/age:predict", { instances: [{ b64: await base64(file) }] });
  if (status === 200) {
    const faces = found.faces?.[0] ?? [];
    const warning = found.warnings?.[0] ? [`Beware: ${found.warnings[0]}.`] : [];
    show(file, name, [...ages(found, faces), ...warning, `version ${found.model_version}`], true, faces);
  } else if (status === 422) {
    show(file, name, [found.error], false);
  } else {
    message.textContent = found.error;
    if (status === 401) refused.push([file, name]);
  }
}

async function askAll(pairs) {
  message.textContent = "";
  for (const [file, name] of pairs) {
    try {
      await ask(file, name);
    } catch {
      message.textContent = "The server does not answer. Is it still running?";
    }
  }
}

const named = (list) => [...list].map((file) => [file, file.name]);
files.addEventListener("change", async () => {
  await askAll(named(files.files));
  files.value = "";
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
  });
}
document.addEventListener("drop", (event) => askAll(named(event.dataTransfer.files)));

element("camera").addEventListener("click", async () => {
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch {
    message.textContent = "There is no camera, or this page may not use it (browsers want https or localhost).";
    return;
  }
  element("video").srcObject = camera;
  element("live").hidden = false;
});
element("video").addEventListener("loadeddata", () => {
  element("shoot").disabled = false;
  element("shoot").focus();
});
element("shoot").addEventListener("click", () => {
  const video = element("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((photograph) => askAll([[photograph, "from the camera"]]), "image/jpeg", 0.95);
});
element("stop").addEventListener("click", () => {
  camera?.getTracks().forEach((track) => track.stop());
  element("live").hidden = true;
  element("shoot").disabled = true;
  element("camera").focus();
});
element("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  token = element("token").value;
  await greet();
  if (element("token-form").hidden) files.focus();
  const again = refused;
  refused = [];
  await askAll(again);
});

async function greet() {
  try {
    const { status, found } = await asked("v2/models/age");
    element("version").textContent = status === 200 ? `Version ${found.versions[0]} of the model answers.` : found.error;
  } catch {
    element("version").textContent = "The server does not answer.";
  }
}
greet();
