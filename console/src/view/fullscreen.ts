/** toggleFullScreen shows the session with its head, its red X and the status bar, or all again. */
export function toggleFullScreen(): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else document.querySelector("main")?.requestFullscreen().catch(() => {}); // refused: the page stays as it is
}
