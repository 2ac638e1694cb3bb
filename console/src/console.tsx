// The console's start: made once, when the page is loaded.

import { render } from "preact";
import { Bell } from "./bell";
import { Desk } from "./desk/desk";
import { Layout } from "./layout";
import { Settings } from "./settings";
import { language } from "./text";
import { App } from "./view/app";
import { Console } from "./view/context";

document.documentElement.lang = language;

const address = new URL("/ws/console", location.href);
address.protocol = location.protocol === "http:" ? "ws:" : "wss:";
const settings = new Settings();
const bell = new Bell(settings);
const layout = new Layout();
const desk = new Desk(address.href, bell, () => location.assign("/signin?next=/console/"), () => layout.rail.value === "tickets");

const root = document.getElementById("console");
if (root === null) throw new Error("the page has no element for the console");
render(
  <Console.Provider value={{ desk, settings, layout, bell }}>
    <App />
  </Console.Provider>,
  root,
);
desk.start();
