// React Native's WebRTC module, made of the browser's. The one difference that a client can notice: on a phone an
// incoming track plays by itself, in a page it needs an element.

export class RTCPeerConnection extends window.RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    this.addEventListener("track", ({ track }) => {
      const player = new Audio();
      player.srcObject = new window.MediaStream([track]);
      void player.play();
    });
  }
}

export const mediaDevices = navigator.mediaDevices;
export const MediaStream = window.MediaStream;
