//! Three servers and an nginx in front of them.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use haversack::KeyRing;
use tempfile::TempDir;

use crate::mint;

const SERVERS: usize = 3;

/// Stopped when dropped.
pub(crate) struct Fleet {
    pub(crate) address: SocketAddr,
    pub(crate) ring: KeyRing,
    nginx: Child,
    servers: Vec<Child>,
    _folder: TempDir,
}

impl Fleet {
    pub(crate) fn start(binary: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = folder.path().join("keys");
        let ring = mint::ring();
        write_secret(&keys, &ring.to_json());
        let (servers, addresses): (Vec<_>, Vec<_>) =
            (1..=SERVERS).map(|number| server(binary, number, &keys)).unzip();
        let address = free_address();
        let nginx = nginx(folder.path(), address, &addresses);
        Self { address, ring, nginx, servers, _folder: folder }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.servers.iter_mut().chain([&mut self.nginx]) {
            let _ = child.kill(); // fails if it has ended already
            let _ = child.wait();
        }
    }
}

/// A replica of the demo. It ends when its standard input does, so none survives this program.
fn server(binary: &Path, number: usize, keys: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(binary)
        .args(["demo-replica", "--number", &number.to_string(), "--fleet"])
        .arg(keys)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a replica starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("a replica says its address");
    (child, line.trim().parse().expect("an address"))
}

/// Debian's settings, with their defaults for headers and buffers untouched: none of
/// `large_client_header_buffers`, `client_header_buffer_size`, `proxy_buffer_size` and
/// `proxy_buffers` is named. One process in the foreground, so that its end is ours.
fn nginx(folder: &Path, address: SocketAddr, servers: &[SocketAddr]) -> Child {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let upstream = format!("server {};", servers.join("; server "));
    let here = folder.display();
    let settings = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/error.log;
         events {{ worker_connections 4096; }}
         http {{
           sendfile on; tcp_nopush on; types_hash_max_size 2048; gzip on; access_log off;
           client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
           fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
           upstream fleet {{ {upstream} }}
           server {{
             listen {address};
             location / {{ proxy_pass http://fleet; proxy_set_header Host $host; }}
           }}
         }}"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, settings).expect("the settings can be written");
    let errors = File::create(folder.join("error.log")).expect("a log can be written");
    let mut child = Command::new("nginx")
        .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
        .arg("-p")
        .arg(folder)
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(&path)
        .stderr(errors)
        .spawn()
        .expect("nginx starts: scripts/setup installs it");
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return child;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!(
        "nginx does not answer: {}",
        fs::read_to_string(folder.join("error.log")).unwrap_or_default()
    );
}

/// Servers refuse keys that others may read.
fn write_secret(path: &Path, text: &str) {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.expect("the keys can be written");
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
