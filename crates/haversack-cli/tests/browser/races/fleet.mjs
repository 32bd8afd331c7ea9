// The demo as it is, and an nginx in front of it that speaks HTTP/2 with TLS.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

// Debian keeps nginx where only root looks.
const PATH = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

// Starts a demo, and tells its port.
export async function demo(binary) {
  const child = spawn(binary, ["demo", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const port = line.match(/http:\/\/localhost:(\d+)/)?.[1];
    if (port) return { port, stop: () => ended(child, "SIGINT") };
  }
  throw new Error("the demo said no address");
}

// Starts an nginx in front of `behind`. Its limits for headers and buffers are its defaults; its
// certificate is made now, for a day.
export async function nginx(behind) {
  const folder = mkdtempSync(join(tmpdir(), "haversack-nginx-"));
  const port = await freePort();
  certificate(folder);
  writeFileSync(join(folder, "nginx.conf"), settings(folder, port, behind));
  // One process, so that its end is the end of all.
  const child = spawn("nginx", ["-p", folder, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`], {
    env: PATH,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const stop = async () => {
    await ended(child, "SIGTERM");
    rmSync(folder, { recursive: true });
  };
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries === 100 || child.exitCode !== null) {
      const log = readFileSync(join(folder, "error.log"), "utf8");
      await stop();
      throw new Error(`nginx does not answer: ${log}`);
    }
    await pause(50);
  }
  return { port, stop };
}

export function nginxVersion() {
  return execFileSync("sh", ["-c", "nginx -v 2>&1"], { env: PATH, encoding: "utf8" }).trim().split("/")[1];
}

function settings(folder, port, behind) {
  return `
    daemon off; master_process off;
    pid ${folder}/nginx.pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http {
      access_log off; sendfile on; tcp_nopush on; types_hash_max_size 2048; gzip on;
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate ${folder}/certificate.pem; ssl_certificate_key ${folder}/key.pem;
        location / { proxy_pass http://127.0.0.1:${behind}; proxy_set_header Host $host; }
      }
    }`;
}

function certificate(folder) {
  const to = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")];
  const what = ["-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
  execFileSync("openssl", ["req", "-x509", ...what, "-addext", "subjectAltName=DNS:localhost", ...to], {
    stdio: "pipe",
  });
}

async function ended(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  await end;
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function answers(port) {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}
