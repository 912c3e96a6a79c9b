// The phone's audio routes, of which a browser has none to choose.

export default {
  start() {},
  stop() {},
  setSpeakerphoneOn() {},
  setForceSpeakerphoneOn() {},
};
