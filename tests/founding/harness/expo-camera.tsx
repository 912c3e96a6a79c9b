// Expo's camera, looking at a red wall that is rough enough for a picture of a usual size (some hundred KB).

import { useEffect, useImperativeHandle, type Ref } from "react";

export function useCameraPermissions() {
  return [{ granted: true }, () => {}] as const;
}

export function CameraView({ ref, onCameraReady }: { ref?: Ref<unknown>; onCameraReady?: () => void }) {
  useEffect(() => onCameraReady?.(), []);
  useImperativeHandle(ref, () => ({
    async takePictureAsync({ quality }: { quality: number }) {
      const canvas = document.createElement("canvas");
      canvas.width = 1024;
      canvas.height = 768;
      const context = canvas.getContext("2d")!;
      const picture = context.createImageData(canvas.width, canvas.height);
      for (let at = 0; at < picture.data.length; at += 4) {
        const light = 60 * Math.random();
        picture.data.set([160 + light, light / 2, light / 2, 255], at);
      }
      context.putImageData(picture, 0, 0);
      return { base64: canvas.toDataURL("image/jpeg", quality).split(",")[1] };
    },
  }));
  return <div />;
}

// The app uses the one name as a value and as the type of its reference.
export type CameraView = unknown;
