// The browsers, by what drives both in their stock builds: Chromium through its own protocol,
// Firefox through WebDriver BiDi.
//
// CHROMIUM and FIREFOX name the programs, /usr/bin/chromium and /usr/bin/firefox-esr unless set.
import puppeteer from "puppeteer-core";

const BROWSERS = {
  chromium: {
    browser: "chrome",
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      // All tabs are busy, and in a window only one would be in front.
      "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
      "--disable-backgrounding-occluded-windows",
    ],
  },
  firefox: {
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  },
};

export const NAMES = Object.keys(BROWSERS);

// The certificate is thrown away at the end of the run, so nobody has signed it.
export function launch(name) {
  return puppeteer.launch({
    ...BROWSERS[name],
    headless: true,
    acceptInsecureCerts: true,
    protocolTimeout: 300_000,
  });
}

// Opens and closes windows one after the other: Firefox loses some when others close meanwhile.
const turns = new WeakMap();
export function inTurn(browser, act) {
  const turn = (turns.get(browser) ?? Promise.resolve()).then(act);
  turns.set(browser, turn.catch(() => {}));
  return turn;
}
