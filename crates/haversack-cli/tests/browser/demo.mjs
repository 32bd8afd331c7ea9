// Clicks through `haversack demo` in Chromium and fails if it does not do what it shows.
//
//   node demo.mjs <haversack binary> <folder for screenshots>
//
// CHROMIUM names the browser, /usr/bin/chromium unless set.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
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
async function demo() {
  const process = spawn(binary, ["demo", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
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
} catch (error) {
  failed = true;
  console.error(String(error));
} finally {
  await browser.close();
  first.process.kill("SIGINT");
}
process.exit(failed ? 1 : 0);

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

  step = "put back";
  await press("Put back beside");
  await page.locator(".outcome", { hasText: "Prevented." }).waitFor();
  await page.reload();
  check((await page.locator(".notes li").count()) === 0, "an end marker prevails");
  await shot("9-beside");
  await press("Put back instead");
  await page.locator(".outcome", { hasText: "Not prevented." }).waitFor();
  await page.reload();
  check((await page.locator(".notes li").count()) === 5, "the older jar is the older session");
  await page.getByText("Signed in as Grace").waitFor();
  await shot("10-instead");

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
  await scriptless.screenshot({ path: `${folder}/11-scriptless.png`, fullPage: true });
  await plainContext.close();

  step = "beside cookies of another run";
  const second = await demo();
  try {
    await page.goto(second.address);
    await note("A second run");
    check((await page.locator(".notes li").count()) === 1, "its own session");
    await page.reload();
    await page.getByText("parcels of another key ring").waitFor();
    await shot("12-second-run");
    await page.goto(address);
    check((await page.locator(".notes li").count()) === 5, "the first one is untouched");
  } finally {
    second.process.kill("SIGINT");
  }
  step = "console";
  check(complaints.length === 0, complaints.join("\n"));
}
