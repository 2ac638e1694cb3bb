// What both ends of a picture, the console's and the customer's browser's, do alike with
// their WebRTC connection to the broker.

/** How long to gather candidates before the offer leaves, in ms. The broker's own are in
 * its answer and it learns ours from the first packet, so few are enough. */
const gatherTime = 500;

/** How long a connection may be "disconnected" before it is made anew, in ms. */
export const disconnectedTime = 3_000;

/** gathered resolves when all candidates are known, or enough time was given. */
export function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, gatherTime);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
