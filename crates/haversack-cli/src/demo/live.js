// Liveness for a page that works without it: forms are sent without a reload, the pictures follow
// along, and the race is run. Everything that is shown comes from the server as HTML.
"use strict";

const RUNNERS = 20;
const TRIES = 20;
const PARTS = ["top", "app", "older", "panels", "from"];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let busy = 0;

// Makes `old` like `next` and keeps what is the same, so that focus, typed text and transitions
// survive. Children with a data-key are recognised when they move.
function morph(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const keyed = new Map([...old.children].map((child) => [child.dataset.key, child]));
  let at = old.firstChild;
  for (const want of [...next.childNodes]) {
    const key = want.dataset?.key;
    const same = at && !at.dataset?.key && at.nodeName === want.nodeName;
    const have = key ? keyed.get(key) : same ? at : null;
    if (!have) {
      old.insertBefore(document.importNode(want, true), at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else old.insertBefore(have, at);
    if (have.nodeType === Node.ELEMENT_NODE) morph(have, want);
    else if (have.data !== want.data) have.data = want.data;
  }
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}

function adopt(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const replicas = [...document.querySelectorAll(".replica")];
  const served = new Map(replicas.map(({ dataset }) => [dataset.key, dataset.served]));
  for (const part of PARTS) {
    const [old, next] = [document.getElementById(part), page.getElementById(part)];
    if (old && next) morph(old, next);
  }
  const theme = page.documentElement.dataset.theme;
  if (theme) document.documentElement.dataset.theme = theme;
  pulse(served);
}

// A replica whose count went up shows it.
function pulse(before) {
  for (const replica of document.querySelectorAll(".replica")) {
    const dot = replica.querySelector(".dot");
    if (before.get(replica.dataset.key) === replica.dataset.served) continue;
    dot.classList.remove("pulse");
    void dot.offsetWidth; // begins the animation anew
    dot.classList.add("pulse");
  }
}

function say(where, text) {
  const place = document.getElementById(where);
  if (place) place.textContent = text;
}

// Sends, and sends again when the answer is to try later: nothing was done then. Returns how
// often it was refused.
async function post(url, body, wantsPage) {
  for (let refused = 0; ; refused++) {
    const response = await fetch(url, { method: "POST", body });
    if (response.status !== 503 || refused >= TRIES) {
      if (refused) say("says", "");
      if (wantsPage) adopt(await response.text());
      else await response.arrayBuffer();
      return refused;
    }
    say("says", "Nothing was written: the jar is full. Reads fold it; asking again…");
    await pause(1000);
    adopt(await (await fetch("/_demo/panels")).text());
  }
}

async function reload() {
  adopt(await (await fetch("/")).text());
}

async function race() {
  say("race-says", "on your marks…");
  const ready = await post("/race/clear", null, true);
  const runners = [...Array(RUNNERS).keys()];
  say("race-says", "20 requests, all at once…");
  const run = await Promise.all(runners.map((n) => post(`/race/${n}`, null, false)));
  await reload();
  const refused = [ready, ...run].reduce((sum, times) => sum + times, 0);
  say(
    "race-says",
    refused ? `Done. While the jar was full, ${refused} requests were refused, and sent again.` : "Done.",
  );
  document.body.dataset.raced = String(Number(document.body.dataset.raced ?? 0) + 1);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  busy++;
  form.ariaBusy = "true";
  try {
    if ("race" in form.dataset) await race();
    else {
      const fields = new URLSearchParams(new FormData(form, event.submitter));
      await post(form.action, fields, true);
      form.reset();
    }
  } catch {
    location.reload(); // the demo has ended, or is about to say why
  } finally {
    form.ariaBusy = null;
    busy--;
  }
});

async function follow() {
  for (;;) {
    await pause(1000);
    if (busy || document.hidden) continue;
    try {
      const response = await fetch("/_demo/panels");
      if (!busy && response.ok) adopt(await response.text());
      document.body.classList.remove("away");
    } catch {
      document.body.classList.add("away");
    }
  }
}

document.documentElement.classList.add("scripted");
follow();
