// Line drawings of 20 by 20. Words stand beside them, so they are hidden from screen readers.

const paths = {
  key: "M13 3a4 4 0 1 1-3.400 6.100L4 14.700V17h3v-2h2v-2h1.500M13.500 6.500h.01",
  page: "M3 4h14v9H3zM7 17h6M10 13v4M6.500 8.500l2 2 4-4",
  wait: "M6 3h8M6 17h8M7 3c0 4 6 5.500 6 7s-6 3-6 7M13 3c0 4-6 5.500-6 7s6 3 6 7",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 6v4l3 2",
  screen: "M2.500 4h15v10h-15zM7 17h6M10 14v3M10 6.800a2.200 2.200 0 1 0 0 4.400 2.200 2.200 0 0 0 0-4.400",
  leaving: "M10 3a7 7 0 1 0 7 7M10 6v4l3 2M14 3h3v3",
  done: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M7 10.200l2.200 2.200L13.200 8",
  check: "m4 10.500 4 4 8-9",
  now: "M4 10h11M10.500 5.500 15 10l-4.500 4.500",
  later: "M10 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5",
  no: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M5.500 14.500l9-9",
  ask: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8 8.200c0-3 4-3 4-.4 0 1.700-2 1.700-2 3.400M10 14h.01",
  cross: "M4.500 4.500l11 11M15.500 4.500l-11 11",
  plus: "M10 3.500v13M3.500 10h13",
  back: "M12 4.500 6.500 10l5.500 5.500",
  copy: "M7 7h9.500v9.500H7zM4 13H3V3.500h9.500V4.500",
  link: "M8.500 11.500a3 3 0 0 0 4.200 0l3-3a3 3 0 0 0-4.200-4.200l-1 1M11.500 8.500a3 3 0 0 0-4.200 0l-3 3a3 3 0 0 0 4.200 4.200l1-1",
  full: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  help: "M8 7.600c0-3.400 4.500-3.400 4.500-.4 0 2-2.500 2-2.500 4M10 15h.01",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  warn: "M10 3 2.500 16.500h15zM10 8v4M10 14.200h.01",
  record: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M10 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5",
  note: "M4 3h12v9l-5 5H4zM11 17v-5h5M7 7h6M7 10h4",
  figures: "M3 17h14M5 14v-3M9 14V8M13 14v-4M17 14V5",
  list: "M3 4h14v12H3zM8 4v12",
  chat: "M3 4h14v10H9l-4 3v-3H3zM6.500 7.500h7M6.500 10.500h4",
  undo: "M7 4 3 8l4 4M3 8h8a5 5 0 0 1 0 9H8",
  pause: "M7 4v12M13 4v12",
  restart: "M15.500 6.500A6.500 6.500 0 1 0 16.500 11M16 3v4h-4",
  lock: "M5 9h10v8H5zM7 9V6.500a3 3 0 0 1 6 0V9",
  lost: "M3 3l14 14M5 9a8 8 0 0 1 3-1.700M2.500 6.500A12 12 0 0 1 5 5M9 4.100a12 12 0 0 1 8.500 2.400M12.500 8a8 8 0 0 1 2.500 1.500M8 12.300a4 4 0 0 1 3.500-.4M10 15.500h.01",
  pointer: "M5 3v12l3-3 2.500 5 2-1-2.500-5H15z",
  pen: "M4 16l1-4L14 3l3 3-9 9zM12 5l3 3",
  wipe: "M4 12l7-8 6 5-6 7H7zM3 17h14M8 8l6 5",
  camera: "M2.500 6h4l1.500-2h4l1.500 2h4v10h-15zM10 8a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  box: "M3 5h14v10H3z",
  board: "M6 4H4v13h12V4h-2M7 2.500h6v3H7z",
  put: "M10 12V3M6 7l4-4 4 4M3 16h14",
  fetch: "M10 3v9M6 8l4 4 4-4M3 16h14",
  folder: "M2.500 5h5l2 2h8v9h-15z",
  checks: "M3 5l1.500 1.500L7 4M3 12l1.500 1.500L7 11M10 6h7M10 13h7",
  prompt: "M3 4h14v12H3zM6 8l2.500 2L6 12M10 12.500h4",
  tools: "M3 6h14M3 10h14M3 14h14M7 4.500v3M13 8.500v3M9 12.500v3",
  device: "M2.500 11h15v5h-15zM5.500 13.500h.01M8.500 13.500h.01M13 11V5M10.500 7a3.500 3.500 0 0 1 5 0",
  window: "M3 4h14v12H3zM3 8h14",
  up: "m4.500 12.500 5.500-6 5.500 6",
  down: "m4.500 7.500 5.500 6 5.500-6",
  chip: "M6 6h8v8H6zM8 3v3M12 3v3M8 14v3M12 14v3M3 8h3M3 12h3M14 8h3M14 12h3",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
