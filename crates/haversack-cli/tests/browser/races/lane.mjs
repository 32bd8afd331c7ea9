// One profile of one browser: some tabs, and rounds of bursts from all of them at once.
import { all, arrived, post, protocols } from "./page.mjs";

const TABS = 3;

// Each round: nobody has arrived; a burst of `burst` writes and half as many reads from all tabs;
// then everybody whose write was acknowledged must have arrived. People sign in before a round, or
// in the midst of it, and sign out after it, after which nothing may come back.
export async function lane(browser, origin, protocol, burst, rounds) {
  const context = await browser.createBrowserContext();
  const tabs = [];
  for (let n = 0; n < TABS; n++) {
    const tab = await context.newPage();
    await tab.goto(`${origin}/style.css`); // a page without a script of its own
    tabs.push(tab);
  }
  const sum = {
    burst, tabs: TABS, rounds, acknowledged: 0, reads: 0, signed_in: 0, signed_out: 0, refused: 0,
    lost: 0, lost_by_cookie: 0, back_after_sign_out: 0, unexpected: [],
  };
  for (let number = 0; number < rounds; number++) await round(tabs, number, sum);
  for (const tab of tabs) {
    const seen = await tab.evaluate(protocols);
    if (seen.length !== 1 || seen[0] !== protocol) sum.unexpected.push(`protocol: ${seen.join(", ")}`);
  }
  await context.close();
  return sum;
}

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
  const acknowledged = told.flatMap((one) => one.acknowledged);
  const { session, plain } = await second.evaluate(arrived);
  const missing = (who) => acknowledged.filter((id) => !who.includes(id)).length;
  sum.acknowledged += acknowledged.length;
  sum.reads += steps.flat().filter(([what]) => what === "read").length;
  sum.lost += missing(session);
  sum.lost_by_cookie += missing(plain);
  sum.refused += told.reduce((count, one) => count + one.refused, 0);
  sum.unexpected.push(...told.flatMap((one) => one.unexpected));

  if (signsInBefore || signsInAmidst) {
    sum.signed_in++;
    sum.refused += await second.evaluate(post, "/logout", {});
    sum.signed_out++;
    sum.back_after_sign_out += (await first.evaluate(arrived)).session.length;
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
