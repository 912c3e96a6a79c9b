// What any page's calls have been like, measured beneath the client, before it runs. `heard.peak`: how loud, from 0
// to 1. `heard.answering`: how many answers have begun and not ended; a client that asks for one more then is refused.

window.heard = { peak: 0, answering: 0 };

window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...given) {
    super(...given);
    this.addEventListener("track", ({ track }) => {
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        window.heard.peak = samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), window.heard.peak);
      }, 30);
    });
  }

  createDataChannel(...given) {
    const channel = super.createDataChannel(...given);
    channel.addEventListener("message", ({ data }) => {
      const { type } = JSON.parse(data);
      if (type === "response.created") window.heard.answering += 1;
      if (type === "response.done") window.heard.answering -= 1;
    });
    return channel;
  }
};
