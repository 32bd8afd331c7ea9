//! `haversack demo`: three stateless servers, a balancer, and an application whose data lives in
//! the browser only.
//!
//! ```text
//! browser ─► front ─┬─► replica 1   each a process that can be killed at any time;
//!                   ├─► replica 2   they share a fleet: keys, and which sessions are over
//!                   └─► replica 3
//! ```

mod account;
mod app;
mod balance;
mod client;
mod control;
mod front;
mod headless;
mod jar;
mod journal;
mod keys;
mod outcome;
mod page;
mod panels;
mod person;
mod process;
mod race;
mod replica;
mod report;
mod said;
mod store;
mod summary;
mod thief;
mod tile;
mod views;
mod visitors;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) use self::replica::{Args as ReplicaArgs, run as run_replica};

use self::balance::Balancer;
use self::front::{Front, Shared};
use self::journal::Journal;
use self::keys::Keys;
use self::process::Replicas;
use self::views::Views;
use self::visitors::Visitors;
use crate::output::Failure;
use crate::signal;

/// Three stateless servers and an application whose data lives in your browser only
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port on 127.0.0.1 [default: 8080, or a free one if that is taken]
    #[arg(long)]
    port: Option<u16>,
    /// Where the servers keep their keys and what they have revoked: a path, or `redis://HOST:PORT`
    /// or `nats://HOST:PORT`; with `?app=NAME` for an app other than the demo's [default: files in
    /// a temporary folder]
    #[arg(long, value_name = "URL")]
    fleet: Option<String>,
    /// Run the same with a built-in client; fails if anything was lost
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    load: headless::Load,
}

/// Runs the demo until Ctrl-C, or until the built-in client is done.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let keys = tokio::select! {
            opened = Keys::open(args.fleet.as_deref()) => Arc::new(opened?),
            () = signal::stop() => return Ok(INTERRUPTED.into()),
        };
        let replicas = tokio::select! {
            started = Replicas::start_all(keys.place.clone()) => Arc::new(started?),
            () = signal::stop() => return Ok(INTERRUPTED.into()),
        };
        let done = tokio::select! {
            done = serve(args, Arc::clone(&keys), Arc::clone(&replicas)) => done,
            () = signal::stop() => Ok(if args.headless { INTERRUPTED.into() } else { ExitCode::SUCCESS }),
        };
        replicas.stop().await;
        drop(keys); // last: a replica on its way up reads them
        done
    })
}

/// What shells tell of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

async fn serve(args: &Args, keys: Arc<Keys>, replicas: Arc<Replicas>) -> Result<ExitCode, Failure> {
    let balancer = Arc::new(Balancer::new(replicas, Arc::new(Journal::default())));
    let views = Arc::new(Views::default());
    // It ends with the runtime.
    tokio::spawn(Arc::clone(&views).follow(Arc::clone(&balancer)));
    let front = Arc::new(Front { balancer, keys, views, visitors: Visitors::default() });
    let port = if args.headless { args.port.or(Some(0)) } else { args.port };
    let listener = listen(port).await?;
    let address = listener.local_addr().map_err(|error| cannot_listen(&error))?;
    let serving = axum::serve(listener, front::router(Arc::clone(&front))).into_future();
    if args.headless {
        tokio::select! {
            served = serving => served.map_err(|error| cannot_listen(&error)).map(|()| ExitCode::FAILURE),
            done = headless::run(&args.load, &front, address) => done,
        }
    } else {
        invite(&front, address);
        serving.await.map_err(|error| cannot_listen(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn invite(front: &Shared, address: SocketAddr) {
    let pids: Vec<String> = front
        .balancer
        .replicas
        .tell()
        .iter()
        .filter_map(|replica| replica.pid.map(|pid| pid.to_string()))
        .collect();
    println!("open http://localhost:{} in Chromium, Chrome, Edge or Firefox", address.port());
    println!("three replicas run as processes {}; ctrl-c stops everything", pids.join(", "));
    println!("keys and revocations are in {}", front.keys.engine());
}

/// The wanted port; else 8080, else any that is free.
async fn listen(port: Option<u16>) -> Result<TcpListener, Failure> {
    let wanted = port.unwrap_or(8080);
    match TcpListener::bind(("127.0.0.1", wanted)).await {
        Err(_) if port.is_none() => {
            TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| cannot_listen(&error))
        }
        Err(error) => Err(Failure::new(format!("cannot listen on port {wanted}: {error}"))
            .hint("leave out `--port` for a free one")),
        bound => bound.map_err(|error| cannot_listen(&error)),
    }
}

fn cannot_listen(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot serve on 127.0.0.1: {error}"))
}

fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
}
