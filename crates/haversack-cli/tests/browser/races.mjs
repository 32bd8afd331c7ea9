// Bursts of overlapping requests from several tabs of real browsers, over HTTP/1.1 and over HTTP/2
// with TLS; counts the updates that were acknowledged and are not there. Fails unless there are none.
//
//   node races.mjs <haversack binary> [--full] [--json FILE]
//
// Each request writes to an ordinary cookie as well, in which the last answer wins: that count is
// shown beside it. The quick form makes some 200 writes per browser and protocol, the full one over
// 2,000.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { launch, NAMES } from "./races/browsers.mjs";
import { demo, nginx, nginxVersion } from "./races/fleet.mjs";
import { lane } from "./races/lane.mjs";

const { values, positionals: [binary] } = parseArgs({
  options: { full: { type: "boolean" }, json: { type: "string" } },
  allowPositionals: true,
});
if (!binary) {
  console.error("usage: node races.mjs <haversack binary> [--full] [--json FILE]");
  process.exit(2);
}

// Writes at once, and how many rounds of them.
const ROUNDS = values.full ? { 10: 69, 30: 24, 60: 12 } : { 10: 5, 30: 2, 60: 2 };

const fleet = await demo(binary);
let results;
const versions = {};
try {
  const proxy = await nginx(fleet.port);
  try {
    const origins = { "http/1.1": `http://localhost:${fleet.port}`, h2: `https://localhost:${proxy.port}` };
    results = (await Promise.all(NAMES.map((name) => raceIn(name, origins)))).flat();
  } finally {
    await proxy.stop();
  }
} finally {
  await fleet.stop();
}
report(results);

// All protocols and sizes at once, each in a profile of its own.
async function raceIn(name, origins) {
  const browser = await launch(name);
  try {
    versions[name] = (await browser.version()).split("/")[1];
    const lanes = Object.entries(origins).flatMap(([protocol, origin]) =>
      Object.entries(ROUNDS).map(async ([burst, rounds]) => ({
        browser: name, protocol, ...(await lane(browser, origin, protocol, Number(burst), rounds)),
      })),
    );
    return await Promise.all(lanes);
  } finally {
    await browser.close();
  }
}

function report(results) {
  let failed = false;
  for (const row of results) {
    console.log(
      `${row.browser} ${row.protocol}, ${row.rounds} bursts of ${row.burst}: of ${row.acknowledged} ` +
        `acknowledged writes ${row.lost} lost, by the ordinary cookie ${row.lost_by_cookie}; ` +
        `${row.seen_later} seen only later, after ${row.seconds_until_seen} s at most; ` +
        `${row.refused} refused and sent again; ${row.signed_in} sign-ins, ${row.signed_out} sign-outs`,
    );
    for (const what of [...new Set(row.unexpected)]) console.error(`  unexpected: ${what}`);
    const whole = row.acknowledged === row.burst * row.rounds;
    failed ||= !whole || row.lost > 0 || row.back_after_sign_out > 0 || row.unexpected.length > 0;
  }
  for (const name of NAMES) {
    // A race in which an ordinary cookie loses nothing is none.
    failed ||= !results.some((row) => row.browser === name && row.lost_by_cookie > 0);
  }
  if (values.json) {
    const text = JSON.stringify({ browsers: versions, nginx: nginxVersion(), results }, null, 1);
    writeFileSync(values.json, `${text}\n`);
  }
  process.exitCode = failed ? 1 : 0;
}
