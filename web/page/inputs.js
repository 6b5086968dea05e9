// Recordings of kinds that only the browser knows, and the microphone.

/** Decodes what is no WAV file; mono samples at a rate of the browser's choice. */
export async function decode(bytes, rate) {
  // It resamples to its own rate, which is the model's where the browser can.
  const context = offline(rate) ?? offline(48_000);
  const buffer = await context.decodeAudioData(bytes);
  const samples = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const own = buffer.getChannelData(channel);
    for (let i = 0; i < own.length; i++) samples[i] += own[i] / buffer.numberOfChannels;
  }
  return { samples, rate: buffer.sampleRate };
}

function offline(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return null;
  }
}

/** Opens the microphone; its samples go to the port, and `ended` is called when it goes away. */
export async function openMicrophone(ended) {
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) {
    throw new Error("this browser gives no microphone here; pages need https or localhost for it");
  }
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext();
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
  try {
    await context.audioWorklet.addModule("capture.js");
    const source = context.createMediaStreamSource(stream);
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    const { port1, port2 } = new MessageChannel();
    capture.port.postMessage(port1, [port1]);
    source.connect(capture);
    await context.resume();
    stream.getTracks().forEach((track) => track.addEventListener("ended", ended));
    return { port: port2, rate: context.sampleRate, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Why there is no microphone, in words. */
export function microphoneError(error) {
  const known = {
    NotAllowedError: "the browser was not allowed to use it",
    NotFoundError: "there is none",
    NotReadableError: "another program uses it, or it does not answer",
  };
  return known[error.name] ?? error.message;
}
