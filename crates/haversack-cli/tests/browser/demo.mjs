// Clicks through `haversack demo` in Chromium and fails if it does not do what it shows.
//
//   node demo.mjs <haversack binary> <folder for screenshots>
//
// CHROMIUM names the browser, /usr/bin/chromium unless set.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";

const [binary, folder = "screenshots"] = process.argv.slice(2);
if (!binary) {
  console.error("usage: node demo.mjs <haversack binary> [folder for screenshots]");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

let step = "start";
function check(truth, what) {
  if (!truth) throw new Error(`${step}: ${what}`);
}

// Starts a demo and tells its address.
async function demo(...more) {
  const process = spawn(binary, ["demo", "--port", "0", ...more], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: process.stdout })) {
    const address = line.match(/http:\/\/localhost:\d+/)?.[0];
    if (address) return { process, address };
  }
  throw new Error("the demo said no address");
}

const first = await demo();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
});
let failed = false;
try {
  await clickThrough(first.address);
  await outage();
} catch (error) {
  failed = true;
  console.error(String(error));
} finally {
  await browser.close();
  first.process.kill("SIGINT");
}
process.exit(failed ? 1 : 0);

// A Redis of its own, on a port that was free a moment ago.
async function redis(port) {
  const store = ["--save", "", "--appendonly", "no", "--dir", "/tmp"];
  const process = spawn("redis-server", ["--port", port, "--bind", "127.0.0.1", ...store], {
    stdio: "ignore",
  });
  for (let tries = 0; ; tries++) {
    const socket = connect(port, "127.0.0.1");
    const up = await new Promise((tell) => {
      socket.on("connect", () => tell(true)).on("error", () => tell(false));
    });
    socket.destroy();
    if (up) return process;
    check(tries < 100, "Redis answers");
    await pause(100);
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return String(port);
}

// What the page shows while the fleet's engine is away.
async function outage() {
  step = "a fleet over Redis";
  const port = await freePort();
  let engine = await redis(port);
  const run = await demo("--fleet", `redis://127.0.0.1:${port}`);
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
  try {
    const page = await context.newPage();
    const press = async (name) => {
      await page.getByRole("button", { name, exact: true }).first().click();
      await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
    };
    const shot = (name) => page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
    const says = (text) => page.locator("#said", { hasText: text }).waitFor();
    await page.goto(run.address);
    await page.locator("code.engine", { hasText: `redis://127.0.0.1:${port}` }).waitFor();
    await page.getByLabel("Your name").fill("Ada");
    await press("Sign in");
    await page.getByLabel("A note").fill("Written while Redis was there");
    await press("Add");
    await page.waitForFunction(() => document.querySelectorAll(".view .good").length === 3);
    await shot("16-redis");

    step = "Redis is killed";
    engine.kill("SIGKILL");
    await page.locator("#outage").waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".view .bad").length === 3);
    await press("Delete my data");
    await says("Refused, and nothing was changed");
    check((await page.locator(".notes li").count()) === 1, "a sensitive action is refused");
    await page.getByLabel("A note").fill("Written while Redis was away");
    await press("Add");
    await page.locator(".notes li", { hasText: "was away" }).waitFor();
    await press("Change the password");
    await says("Refused, and nothing was changed");
    await shot("17-redis-away");
    await press("Copy the jar");
    await press("Sign out");
    await says("Signed out in this browser; the other servers will be told.");
    await page.getByLabel("Your name").waitFor();
    await page.locator(".view", { hasText: "to tell" }).first().waitFor();
    await shot("18-signed-out-here");
    await press("Put back instead");
    await page.locator(".outcome", { hasText: "Not prevented everywhere yet" }).waitFor();
    await page.setViewportSize({ width: 400, height: 800 });
    check(await page.evaluate(() => document.documentElement.scrollWidth <= 400), "fits 400 px");
    await shot("19-redis-away-narrow");
    await page.setViewportSize({ width: 1200, height: 1000 });

    step = "Redis is back";
    engine = await redis(port);
    // It came back empty: what the servers know, they tell it again.
    await page.waitForFunction(() => document.querySelectorAll(".view .good").length === 3, null, {
      timeout: 60_000,
    });
    await page.waitForFunction(
      () => [...document.querySelectorAll(".view .revoked")].every((it) => it.textContent !== "0"),
      null, { timeout: 30_000 },
    );
    await press("Put back instead");
    await page.locator(".outcome", { hasText: "Prevented. The fleet knows" }).waitFor();
    await page.reload();
    await page.getByLabel("Your name").waitFor();
    await shot("20-redis-back");
  } finally {
    await context.close();
    run.process.kill("SIGINT");
    engine.kill("SIGKILL");
  }
}

async function clickThrough(address) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const shot = (name) => page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  const state = async () => (await page.request.get(`${address}/_demo/state`)).json();
  const press = async (name, within = page) => {
    await within.getByRole("button", { name, exact: true }).first().click();
    await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
  };
  const note = async (text) => {
    await page.getByLabel("A note").fill(text);
    await press("Add");
    await page.locator(".notes li", { hasText: text }).waitFor();
  };

  step = "open";
  await page.goto(address);
  await shot("1-empty");

  step = "notes and cart";
  await note("Bread, cheese, apples");
  await note("Call Ada about Saturday");
  await note("<b>not bold</b> & \"quoted\"");
  for (const name of ["Add a Lantern", "Add a Lantern", "Add a Map"]) await press(name);
  check((await page.locator("#h-cart .count").textContent()) === "3", "three pieces in the cart");
  check((await page.locator(".notes b").count()) === 0, "text is escaped");

  step = "sign in";
  await page.getByLabel("Your name").fill("Grace");
  await press("Sign in");
  await page.getByText("Signed in as Grace").waitFor();
  check((await page.locator(".notes li").count()) === 3, "notes go on after signing in");

  step = "kill";
  await press("kill -9", page.locator(".replica.r2"));
  await page.locator(".replica.r2.dead").waitFor();
  await note("Written while replica 2 was dead");
  await press("Add a Compass");
  await press("kill -9", page.locator(".replica.r1"));
  await note("Only replica 3 was left");
  await shot("2-killed");
  await press("start again", page.locator(".replica.r2"));
  await page.locator(".replica.r2.live").waitFor();
  await press("start again", page.locator(".replica.r1"));
  await page.locator(".replica.r1.live").waitFor();
  await page.reload();
  check((await page.locator(".notes li").count()) === 5, "all notes are there");

  step = "kill all";
  for (const number of [1, 2, 3]) await press("kill -9", page.locator(`.replica.r${number}`));
  await page.reload();
  await page.getByText("All three servers are dead").waitFor();
  await shot("3-all-dead");
  for (const number of [1, 2, 3]) await press("start again", page.locator(`.replica.r${number}`));
  await page.reload();
  check((await page.locator(".notes li").count()) === 5, "the notes outlive all servers");
  const dead = (text) => text.includes("502 (Bad Gateway)"); // what the browser says of that page
  check(complaints.every(dead), complaints.join("\n"));
  complaints.length = 0;

  step = "rotate";
  const before = (await state()).parcels.find((parcel) => parcel.kind === "root").key;
  await press("Rotate the key");
  for (let tries = 0; ; tries++) {
    const { parcels } = await state();
    if (parcels.every((parcel) => parcel.fate === "gone" || parcel.key !== before)) break;
    check(tries < 40, "the jar is sealed anew");
    await pause(500);
  }
  check((await page.locator(".notes li").count()) === 5, "the notes outlive the key");
  await page.reload();
  await shot("3-rotated");

  step = "copy the jar";
  await press("Copy the jar");
  await page.getByText("parcels, copied").waitFor();

  step = "race";
  await press("Start the race");
  await page.locator("body[data-raced='1']").waitFor({ timeout: 60_000 });
  const count = async (lane) => parseInt(await page.locator(`.lane.${lane} .big`).textContent(), 10);
  const [session, plain] = [await count("session"), await count("plain")];
  console.log(`race: session ${session} of 20, ordinary cookie ${plain} of 20`);
  check(session === 20, `the session has ${session} of 20`);
  check(plain < 20, "the ordinary cookie lost nothing");
  await shot("4-raced");

  step = "fold";
  for (let tries = 0; ; tries++) {
    const { parcels } = await state();
    if (parcels.filter((parcel) => parcel.fate !== "gone").length <= 8) break;
    check(tries < 60, "the jar is folded");
    await pause(500);
  }
  await page.reload();
  check((await count("session")) === 20, "folding keeps all");
  await shot("5-folded");

  step = "themes and widths";
  await press("dark");
  check((await page.locator("html").getAttribute("data-theme")) === "dark", "dark");
  await pause(400);
  await shot("6-dark");
  await page.setViewportSize({ width: 400, height: 800 });
  await shot("7-narrow-dark");
  await press("light");
  await pause(400);
  await shot("8-narrow-light");
  check(await page.evaluate(() => document.documentElement.scrollWidth <= 400), "fits 400 px");
  await page.setViewportSize({ width: 1200, height: 1000 });

  step = "sign out";
  await press("Sign out");
  await page.getByLabel("Your name").waitFor();
  check((await page.locator(".notes li").count()) === 0, "nothing is left");
  check((await page.locator("html").getAttribute("data-theme")) === "light", "but the theme");

  step = "put back after signing out";
  const outcome = (text) => page.locator(".outcome", { hasText: text }).waitFor();
  await press("Put back beside");
  await outcome("Prevented.");
  await page.reload();
  check((await page.locator(".notes li").count()) === 0, "an end marker prevails");
  await shot("9-beside");
  await press("Put back instead");
  await outcome("Prevented. The fleet knows that this session is over");
  await page.reload();
  check((await page.locator(".notes li").count()) === 0, "the fleet knows that it is over");
  await page.getByLabel("Your name").waitFor();
  await shot("10-instead");

  step = "kill who was told";
  const ended = (await page.locator(".events").textContent()).match(/replica (\d) ended the session/)?.[1];
  check(ended, "the page tells who ended the session");
  await press("kill -9", page.locator(`.replica.r${ended}`));
  await page.locator(`.replica.r${ended}.dead`).waitFor();
  await press("Put back instead");
  await outcome("is dead; what it told the fleet is not");
  await shot("11-teller-dead");
  for (const number of [1, 2, 3].filter((it) => String(it) !== ended)) {
    await press("kill -9", page.locator(`.replica.r${number}`));
  }
  for (const number of [1, 2, 3]) await press("start again", page.locator(`.replica.r${number}`));
  await page.goto(address);
  await press("Put back instead");
  await outcome("replicas 1, 2 and 3 refuse it");
  check(complaints.every(dead), complaints.join("\n"));
  complaints.length = 0;

  step = "a session that still runs";
  await page.getByLabel("Your name").fill("Grace");
  await press("Sign in");
  await note("An early note");
  await press("Copy the jar");
  await press("Remove the note An early note");
  await press("Put back beside");
  await outcome("Prevented. The old cookies are in the jar again, beside newer ones");
  await press("Put back instead");
  await outcome("Not prevented. The session still runs");
  await page.locator(".notes li", { hasText: "An early note" }).waitFor();
  await shot("12-still-runs");

  step = "change the password";
  const otherContext = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
  const other = await otherContext.newPage();
  const signIn = async () => {
    await other.goto(address);
    await other.getByLabel("Your name").fill("Grace");
    await other.getByRole("button", { name: "Sign in" }).click();
    await other.getByText("Signed in as Grace").waitFor();
  };
  const isOut = async () => {
    await other.reload();
    await other.getByLabel("Your name").waitFor();
  };
  await signIn();
  await press("Copy the jar");
  await press("Change the password");
  await page.getByText("This browser stays signed in.").waitFor();
  await page.getByText("Signed in as Grace").waitFor();
  await isOut();
  await press("Put back instead");
  await outcome("Prevented. The fleet knows");

  step = "sign out everywhere";
  await page.goto(address);
  await page.getByLabel("Your name").fill("Grace");
  await press("Sign in");
  await signIn();
  await press("Sign out everywhere");
  await page.getByText("Signed out everywhere:").waitFor();
  await page.getByLabel("Your name").waitFor();
  await shot("13-everywhere");
  await isOut();
  await otherContext.close();

  step = "delete all";
  await page.getByLabel("Your name").fill("Grace");
  await press("Sign in");
  for (const text of ["one", "two"]) await note(text);
  await press("Delete my data");
  await page.getByText("None yet.").waitFor();
  for (const text of ["1", "2", "3", "4", "5"]) await note(text);

  step = "without scripts";
  const plainContext = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 1200, height: 1000 },
    storageState: await context.storageState(),
  });
  const scriptless = await plainContext.newPage();
  await scriptless.goto(address);
  await scriptless.getByLabel("A note").fill("No script needed");
  await scriptless.getByRole("button", { name: "Add", exact: true }).click();
  await scriptless.locator(".notes li", { hasText: "No script needed" }).waitFor();
  check((await scriptless.locator(".replica").count()) === 3, "the pictures are there");
  await scriptless.screenshot({ path: `${folder}/14-scriptless.png`, fullPage: true });
  await plainContext.close();

  step = "beside cookies of another run";
  const second = await demo();
  try {
    await page.goto(second.address);
    await note("A second run");
    check((await page.locator(".notes li").count()) === 1, "its own session");
    await page.reload();
    await page.getByText("parcels of another key ring").waitFor();
    await shot("15-second-run");
    await page.goto(address);
    check((await page.locator(".notes li").count()) === 5, "the first one is untouched");
  } finally {
    second.process.kill("SIGINT");
  }
  step = "console";
  check(complaints.length === 0, complaints.join("\n"));
}
