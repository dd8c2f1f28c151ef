// The camera's view. Over WebRTC where that connects, else picture by picture over HTTP; props.value is the look as JSON.
const find = (name) => element.querySelector("." + name);
const root = find("rt-live");
const painted = find("rt-painted");
const pictures = find("rt-pictures");
const own = find("rt-self");
const facts = find("rt-live-facts");
const trouble = find("rt-trouble");
const visitor = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
const CAMERA = { width: { ideal: 480 }, height: { ideal: 360 }, frameRate: { ideal: 30 } };
const PATIENCE_MS = 4000;
const address = (path) => new URL(path, document.baseURI);
const look = () => JSON.parse(props.value || "{}");
let run = null;

function show(state, message) {
  root.dataset.state = state;
  trouble.textContent = message || "";
}

// Frames shown in the last two seconds, and the delay of each.
function meter() {
  const shown = [];
  return {
    add(delay) {
      const now = performance.now();
      shown.push([now, delay]);
      while (shown.length && now - shown[0][0] > 2000) shown.shift();
    },
    report(how) {
      if (shown.length < 2) return how;
      const fps = ((shown.length - 1) * 1000) / (shown[shown.length - 1][0] - shown[0][0]);
      const delays = shown.map((entry) => entry[1]).filter(Number.isFinite).sort((a, b) => a - b);
      const delay = delays.length ? ` · ${Math.round(delays[delays.length >> 1])} ms from camera to picture` : "";
      return `${fps.toFixed(0)} frames a second${delay} · ${how}`;
    },
  };
}

async function begin() {
  if (run) return;
  if (!navigator.mediaDevices) {
    show("idle", "Browsers give a page the camera only over https, or on this very machine.");
    return;
  }
  const mine = (run = { over: false, ends: [] });
  show("starting");
  try {
    mine.stream = await navigator.mediaDevices.getUserMedia({ video: CAMERA, audio: false });
  } catch (error) {
    run = null;
    const reasons = { NotAllowedError: "The browser was not allowed to use the camera.", NotFoundError: "There is no camera.", NotReadableError: "The camera is used by another program." };
    show("idle", reasons[error.name] || "The camera could not be opened.");
    return;
  }
  mine.ends.push(() => mine.stream.getTracks().forEach((track) => track.stop()));
  own.srcObject = mine.stream;
  let there = false;
  if (props.webrtc && window.RTCPeerConnection) there = await overWebRTC(mine).catch(() => false);
  if (!there && !mine.over) await overHTTP(mine);
}

function end(message) {
  if (!run) return;
  const gone = run;
  run = null;
  gone.over = true;
  gone.ends.forEach((undo) => undo());
  painted.srcObject = own.srcObject = null;
  facts.textContent = "";
  show("idle", message);
}

async function overWebRTC(mine) {
  const peer = new RTCPeerConnection();
  const close = () => peer.close();
  mine.ends.push(close);
  const channel = peer.createDataChannel("look");
  const counted = meter();
  let trip = NaN;
  let server = NaN;
  mine.tell = () => channel.readyState === "open" && channel.send(JSON.stringify({ look: look() }));
  channel.onopen = mine.tell;
  channel.onmessage = (event) => {
    const said = JSON.parse(event.data);
    if (said.pong) trip = performance.now() - said.pong;
    if (said.paint_ms != null) server = said.paint_ms;
  };
  const sender = peer.addTrack(mine.stream.getVideoTracks()[0], mine.stream);
  const first = new Promise((resolve) => {
    peer.ontrack = (event) => {
      painted.srcObject = new MediaStream([event.track]);
      const each = (_, frame) => {
        if (mine.over || mine.http) return;
        resolve(true);
        // Both ways of the network, the server from arrival to painting, and the browser's own buffer.
        counted.add(trip + server + Math.max(0, frame.presentationTime - (frame.receiveTime || frame.presentationTime)));
        painted.requestVideoFrameCallback(each);
      };
      if (painted.requestVideoFrameCallback) painted.requestVideoFrameCallback(each);
      else painted.onplaying = () => resolve(true);
    };
  });
  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  const answer = await fetch(address("live/offer"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sdp: peer.localDescription.sdp, look: look(), visitor }),
  });
  const said = await answer.json();
  if (!answer.ok) {
    close();
    if (answer.status === 503) end(said.error);
    return false;
  }
  const settings = sender.getParameters();
  settings.degradationPreference = "maintain-resolution";
  if (settings.encodings && settings.encodings[0]) settings.encodings[0].maxBitrate = 2500000;
  sender.setParameters(settings).catch(() => {});
  await peer.setRemoteDescription({ type: "answer", sdp: said.sdp });
  const there = await Promise.race([first, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, false))]);
  if (!there || mine.over) {
    close();
    return false;
  }
  show("video");
  peer.onconnectionstatechange = () => {
    if (["failed", "disconnected"].includes(peer.connectionState)) end("The connection was lost.");
  };
  const timer = setInterval(() => {
    if (channel.readyState === "open") channel.send(JSON.stringify({ ping: performance.now() }));
    facts.textContent = counted.report("WebRTC");
  }, 500);
  mine.ends.push(() => clearInterval(timer));
  return true;
}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
    setTimeout(resolve, 1000);
  });
}

async function overHTTP(mine) {
  mine.http = true;
  mine.tell = () => {};
  if (own.readyState < 2) await new Promise((resolve) => own.addEventListener("loadeddata", resolve, { once: true }));
  const counted = meter();
  const camera = document.createElement("canvas");
  const [width, height] = [own.videoWidth || 480, own.videoHeight || 360];
  camera.width = pictures.width = Math.min(width, 640);
  camera.height = pictures.height = Math.round((camera.width * height) / width);
  const timer = setInterval(() => (facts.textContent = counted.report("picture by picture")), 500);
  mine.ends.push(() => clearInterval(timer));
  let sent = 0;
  let shown = 0;
  // Two pictures are under way at once, so that the network is never waited for; a late one is not shown.
  const lane = async () => {
    while (!mine.over) {
      const number = ++sent;
      const taken = performance.now();
      camera.getContext("2d").drawImage(own, 0, 0, camera.width, camera.height);
      const picture = await new Promise((resolve) => camera.toBlob(resolve, "image/jpeg", 0.85));
      const where = address("live/frame");
      where.search = new URLSearchParams({ visitor, look: JSON.stringify(look()) });
      let answer;
      try {
        answer = await fetch(where, { method: "POST", headers: { "content-type": "image/jpeg" }, body: picture });
      } catch {
        end("The server is out of reach.");
        return;
      }
      if (mine.over) return;
      if (!answer.ok) {
        end((await answer.json().catch(() => ({}))).error || "The server refused the picture.");
        return;
      }
      const result = await createImageBitmap(await answer.blob());
      if (number > shown && !mine.over) {
        shown = number;
        pictures.getContext("2d").drawImage(result, 0, 0, pictures.width, pictures.height);
        if (root.dataset.state !== "pictures") show("pictures");
        counted.add(performance.now() - taken);
      }
      result.close();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 33 - (performance.now() - taken))));
    }
  };
  lane();
  setTimeout(lane, 30);
}

function still() {
  const from = root.dataset.state === "pictures" ? pictures : painted;
  const copy = document.createElement("canvas");
  copy.width = from.videoWidth || from.width;
  copy.height = from.videoHeight || from.height;
  const pen = copy.getContext("2d");
  pen.translate(copy.width, 0);
  pen.scale(-1, 1);
  pen.drawImage(from, 0, 0, copy.width, copy.height);
  copy.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "rtstyle-camera.jpg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }, "image/jpeg", 0.95);
}

find("rt-start").addEventListener("click", begin);
find("rt-end").addEventListener("click", () => end());
find("rt-still").addEventListener("click", still);
watch("value", () => run && run.tell && run.tell());
