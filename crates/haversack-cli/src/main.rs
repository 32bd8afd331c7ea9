//! `haversack`: keys, inspection and a demonstration of client-carried sessions.
//!
//! Output rules: quiet unless there is something to say; plain words in lower case without a
//! period at the end; colours only on a terminal; `--json` where a script would want it; an error
//! says what, where and how to put it right, on standard error, with exit code 1 (2 for usage).

mod demo;
mod fleet;
mod inspect;
mod keys;
mod output;
mod place;
mod revoke;
mod ring;
mod servers;
mod signal;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Client-carried sessions for stateless servers
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    #[command(hide = true)]
    DemoReplica(demo::ReplicaArgs),
    /// Make, show, rotate and check key rings
    #[command(subcommand)]
    Keys(keys::Keys),
    Inspect(inspect::Args),
    /// End sessions on all servers of a fleet
    #[command(subcommand)]
    Revoke(revoke::Revoke),
    /// Show how the servers of a fleet are, and look for problems
    #[command(subcommand)]
    Fleet(fleet::Fleet),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done: Result<ExitCode, output::Failure> = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::DemoReplica(args) => demo::run_replica(&args),
        Command::Keys(keys) => keys.run(),
        Command::Inspect(args) => inspect::run(&args),
        Command::Revoke(revoke) => revoke.run(),
        Command::Fleet(fleet) => fleet.run(),
    };
    done.unwrap_or_else(|failure| failure.report())
}
