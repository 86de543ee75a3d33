// A telephone in the page: SIP over a secure WebSocket (RFC 7118), sound by WebRTC.
import JsSIP from "jssip";

import { Meter, Ringer, devices, fillDevices } from "./sound.js";

const SWITCHED_ON = "desk-phone"; // localStorage: comes back after a reload
const TRIES = 8; // the switch reads the new secret within seconds
const TRY_MS = 1_000;

export function openPhone(root, headers) {
  const box = document.getElementById("softphone");
  if (!box) return null;
  const words = box.dataset;
  const part = (name) => box.querySelector(`[data-part=${name}]`);
  const audio = part("audio");
  const ringer = new Ringer();
  const meters = { in: new Meter(part("level-in")), out: new Meter(part("level-out")) };
  let ua = null;
  let session = null;
  let refused = 0;

  function say(state, extra = "") {
    box.dataset.state = state;
    part("status").textContent = [words[`word${state[0].toUpperCase()}${state.slice(1)}`], extra].filter(Boolean).join(" ");
    part("answer").hidden = state !== "ringing";
    part("hangup").hidden = !["ringing", "talking", "calling"].includes(state);
    part("mute").hidden = state !== "talking";
    part("on").hidden = state !== "off";
    part("off").hidden = state === "off";
    box.querySelector(".phone-sound").hidden = state === "off";
  }

  // --- on and off --------------------------------------------------------------------------

  async function on() {
    if (!window.isSecureContext || !navigator.mediaDevices) return say("off", words.wordInsecure);
    say("starting");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop(); // only to be allowed, and to see names
    } catch {
      return say("off", words.wordDenied);
    }
    await fillDevices(part("mic"), part("speaker"));
    const response = await fetch(root.dataset.phone, { method: "POST", headers }).catch(() => null);
    if (!response?.ok) return say("off", words.wordFailed);
    localStorage.setItem(SWITCHED_ON, "yes");
    connect(await response.json());
  }

  function connect({ url, uri, realm, ha1 }) {
    refused = 0;
    ua?.stop();
    ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri,
      realm,
      ha1,
      register_expires: 120,
      session_timers: false,
      user_agent: "12345",
    });
    ua.on("registered", () => {
      refused = 0;
      if (!session) say("ready");
    });
    ua.on("disconnected", () => !session && say("starting"));
    ua.on("registrationFailed", () => {
      refused += 1;
      if (refused > TRIES) return say("starting", words.wordFailed);
      setTimeout(() => ua?.isConnected() && ua.register(), TRY_MS);
    });
    ua.on("newRTCSession", ({ session: fresh, originator }) => {
      if (originator !== "remote" || session) return fresh.terminate({ status_code: 486 });
      take(fresh);
    });
    ua.start();
  }

  async function off() {
    localStorage.removeItem(SWITCHED_ON);
    ua?.stop();
    ua = null;
    say("off");
    await fetch(`${root.dataset.phone}/off`, { method: "POST", headers }).catch(() => null);
  }

  // --- a call ------------------------------------------------------------------------------

  function take(fresh) {
    session = fresh;
    say("ringing");
    ringer.start(part("speaker").value);
    const over = () => {
      if (session !== fresh) return;
      session = null;
      ringer.stop();
      meters.in.stop();
      meters.out.stop();
      audio.srcObject = null;
      say(ua?.isRegistered() ? "ready" : "starting");
    };
    fresh.on("ended", over);
    fresh.on("failed", over);
    fresh.on("confirmed", () => session === fresh && say("talking"));
    fresh.on("peerconnection", ({ peerconnection }) => {
      peerconnection.addEventListener("track", (event) => {
        audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
        devices.speak(audio, part("speaker").value);
        audio.play().catch(() => null);
        meters.in.listen(audio.srcObject);
      });
    });
    // A leg that stays up was asked for at this desk a moment ago: it is picked up at once.
    if (document.getElementById("desk-bar")?.dataset.line === "calling") answer();
  }

  async function answer() {
    if (!session || session.isEstablished() || session.isEnded()) return;
    ringer.stop();
    const taken = session;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted() });
      if (session !== taken) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      meters.out.listen(stream);
      taken.answer({ mediaStream: stream, pcConfig: { iceServers: [] } });
      taken.on("ended", () => stream.getTracks().forEach((track) => track.stop()));
      taken.on("failed", () => stream.getTracks().forEach((track) => track.stop()));
    } catch {
      say("ringing", words.wordDenied);
    }
  }

  const wanted = () => ({
    deviceId: part("mic").value ? { exact: part("mic").value } : undefined,
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  });

  function mute() {
    if (!session?.isEstablished()) return;
    const muted = session.isMuted().audio;
    if (muted) session.unmute({ audio: true });
    else session.mute({ audio: true });
    part("mute").setAttribute("aria-pressed", String(!muted));
  }

  async function changeMic() {
    const sender = session?.connection?.getSenders().find((each) => each.track?.kind === "audio");
    if (!sender) return;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted() }).catch(() => null);
    if (!stream) return;
    const old = sender.track;
    await sender.replaceTrack(stream.getAudioTracks()[0]);
    stream.getAudioTracks()[0].enabled = !session.isMuted().audio;
    old?.stop();
    meters.out.listen(stream);
  }

  // --- the box -----------------------------------------------------------------------------

  part("on").addEventListener("click", on);
  part("off").addEventListener("click", off);
  part("answer").addEventListener("click", answer);
  part("hangup").addEventListener("click", () => session?.terminate());
  part("mute").addEventListener("click", mute);
  part("mic").addEventListener("change", changeMic);
  part("speaker").addEventListener("change", () => devices.speak(audio, part("speaker").value));
  navigator.mediaDevices?.addEventListener("devicechange", () => ua && fillDevices(part("mic"), part("speaker")));
  window.addEventListener("beforeunload", (event) => {
    if (session?.isEstablished()) event.preventDefault(); // leaving the page ends the talk
  });
  window.addEventListener("pagehide", () => ua?.stop());
  document.body.addEventListener("desk:state", ({ detail }) => {
    if (detail.line === "calling" && box.dataset.state === "ringing") answer();
  });
  say("off");
  if (localStorage.getItem(SWITCHED_ON)) on();
}
