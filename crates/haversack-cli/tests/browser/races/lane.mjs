// One size of burst in one browser: profiles one after the other, in each some tabs, and rounds of
// bursts from all of them at once.
import { setTimeout as pause } from "node:timers/promises";
import { inTurn } from "./browsers.mjs";
import { all, arrived, post, protocols } from "./page.mjs";

const TABS = 3;
// Each sign-out leaves an end marker for a quarter of an hour, so nobody does it all day long.
const ROUNDS_PER_PROFILE = 12;
// Reads after a burst, one each second, until all that was acknowledged is seen.
const READS = 30;

export async function lane(browser, origin, protocol, burst, rounds) {
  const sum = {
    burst, tabs: TABS, rounds, acknowledged: 0, reads: 0, signed_in: 0, signed_out: 0, refused: 0,
    seen_later: 0, seconds_until_seen: 0, lost: 0, lost_by_cookie: 0, back_after_sign_out: 0, unexpected: [],
  };
  for (let done = 0; done < rounds; done += ROUNDS_PER_PROFILE) {
    const { context, tabs } = await inTurn(browser, () => open(browser, origin));
    try {
      const here = Math.min(rounds - done, ROUNDS_PER_PROFILE);
      for (let number = 0; number < here; number++) await round(tabs, number, sum);
      for (const tab of tabs) {
        const seen = await tab.evaluate(protocols);
        if (seen.length !== 1 || seen[0] !== protocol) sum.unexpected.push(`protocol: ${seen}`);
      }
    } catch (error) {
      sum.unexpected.push(`${error.message}, with ${tell(await context.cookies())}`);
    }
    await inTurn(browser, () => context.close());
  }
  return sum;
}

// A profile with its tabs.
async function open(browser, origin) {
  const context = await browser.createBrowserContext();
  const tabs = [];
  for (let n = 0; n < TABS; n++) {
    const tab = await context.newPage();
    await tab.goto(`${origin}/style.css`); // a page without a script of its own
    tabs.push(tab);
  }
  return { context, tabs };
}

// Nobody has arrived; then a burst of writes and half as many reads from all tabs; then everybody
// whose write was acknowledged must have arrived. People sign in before a round, or in the midst of
// it, and sign out after it, after which nothing may come back.
async function round(tabs, number, sum) {
  const [first, second] = tabs;
  const name = `Ada ${number}`;
  const signsInBefore = number % 3 === 1;
  const signsInAmidst = number % 3 === 2;
  if (signsInBefore) sum.refused += await first.evaluate(post, "/login", { name });
  sum.refused += await first.evaluate(post, "/race/clear", {});

  const steps = deal(sum.burst, tabs.length);
  if (signsInAmidst) steps[0].splice(steps[0].length / 2, 0, ["sign in", name]);
  const told = await Promise.all(tabs.map((tab, n) => tab.evaluate(all, steps[n])));
  sum.reads += steps.flat().filter(([what]) => what === "read").length;
  sum.refused += told.reduce((count, one) => count + one.refused, 0);
  sum.unexpected.push(...told.flatMap((one) => one.unexpected));
  await settle(second, told.flatMap((one) => one.acknowledged), sum);

  if (signsInBefore || signsInAmidst) {
    sum.signed_in++;
    sum.refused += await second.evaluate(post, "/logout", {});
    sum.signed_out++;
    sum.back_after_sign_out += (await first.evaluate(arrived)).session.length;
  }
}

// Counts who is missing, at once and in the end.
async function settle(tab, acknowledged, sum) {
  sum.acknowledged += acknowledged.length;
  const missing = (who) => acknowledged.filter((id) => !who.includes(id)).length;
  for (let second = 0; second <= READS; second++) {
    const { session, plain } = await tab.evaluate(arrived);
    if (second === 0) {
      sum.lost_by_cookie += missing(plain);
      sum.seen_later += missing(session);
    }
    if (missing(session) === 0) {
      sum.seconds_until_seen = Math.max(sum.seconds_until_seen, second);
      return;
    }
    if (second === READS) sum.lost += missing(session);
    else await pause(1000);
  }
}

// Writes dealt to the tabs in turn, a read after every second one.
function deal(writes, tabs) {
  const steps = Array.from({ length: tabs }, () => []);
  for (let id = 0; id < writes; id++) {
    steps[id % tabs].push(["write", id]);
    if (id % 2 === 1) steps[id % tabs].push(["read"]);
  }
  return steps;
}

// Cookies by kind, for whoever has to find out what went wrong.
function tell(cookies) {
  const kinds = {};
  for (const { name, value } of cookies) {
    const kind = name.split(".")[1]?.[0] ?? name;
    kinds[kind] ??= { count: 0, chars: 0 };
    kinds[kind].count++;
    kinds[kind].chars += `${name}=${value}; `.length;
  }
  return JSON.stringify(kinds);
}
