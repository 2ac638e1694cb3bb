// Which browser on which system this is, in words for the technician and the
// evidence: "Firefox 153 on Windows". A guess, as every page's.

/** system reads a User-Agent header (RFC 9110, section 10.1.5). */
export function system(agent: string): string {
  const browsers: [string, RegExp][] = [
    ["Edge", /Edg\/(\d+)/],
    ["Opera", /OPR\/(\d+)/],
    ["Firefox", /Firefox\/(\d+)/],
    ["Chrome", /Chrome\/(\d+)/],
    ["Safari", /Version\/(\d+).*Safari/],
  ];
  const systems: [string, RegExp][] = [
    ["Windows", /Windows/],
    ["ChromeOS", /CrOS/],
    ["Android", /Android/],
    ["macOS", /Mac OS X|Macintosh/],
    ["Linux", /Linux|X11/],
  ];
  let name = "Browser";
  for (const [browser, pattern] of browsers) {
    const found = pattern.exec(agent);
    if (found === null) continue;
    name = `${browser} ${found[1] ?? ""}`.trim();
    break;
  }
  const on = systems.find(([, pattern]) => pattern.test(agent));
  return on === undefined ? name : `${name} on ${on[0]}`;
}
