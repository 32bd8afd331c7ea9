// What runs inside a page: requests as any script of the page would make them.

// Sends all of it at once, what is refused again after the pause that the answer asks for, and tells
// what the server said. `steps` are ["write", id], ["read"] or ["sign in", name].
export async function all(steps) {
  const told = { acknowledged: [], refused: 0, unexpected: [] };
  const begun = Date.now();
  const send = async (path, body) => {
    for (;;) {
      const response = await fetch(path, body === undefined ? {} : { method: "POST", body });
      await response.arrayBuffer();
      if (response.status !== 503 || Date.now() - begun > 60_000) return response;
      told.refused++;
      const seconds = Number(response.headers.get("retry-after") ?? 1);
      await new Promise((done) => setTimeout(done, seconds * 1000));
    }
  };
  const take = async ([what, argument]) => {
    const response = await {
      write: () => send(`/race/${argument}`, ""),
      read: () => send("/race"),
      "sign in": () => send("/login", new URLSearchParams({ name: argument })),
    }[what]();
    if (!response.ok) told.unexpected.push(`${what}: ${response.status}`);
    else if (what === "write") told.acknowledged.push(argument);
  };
  await Promise.all(steps.map(take));
  return told;
}

// One request that a person makes between bursts. Returns how often it was refused.
export async function post(path, fields) {
  const begun = Date.now();
  for (let refused = 0; ; refused++) {
    const response = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
    await response.arrayBuffer();
    if (response.ok) return refused;
    if (response.status !== 503 || Date.now() - begun > 60_000) throw new Error(`${path}: ${response.status}`);
    await new Promise((done) => setTimeout(done, 1000));
  }
}

// Who has arrived in the session, and in the ordinary cookie.
export async function arrived() {
  return (await fetch("/race")).json();
}

// What the requests of this page went over.
export function protocols() {
  const seen = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return [...new Set(seen.map((entry) => entry.nextHopProtocol).filter(Boolean))];
}
