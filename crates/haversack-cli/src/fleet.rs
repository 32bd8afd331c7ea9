//! `haversack fleet`: how the servers of a fleet are, and what is wrong around them.

mod ask;
mod check;
mod front;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use crate::output::Failure;

#[derive(Subcommand)]
pub(crate) enum Fleet {
    Status(status::Args),
    Check(check::Args),
}

impl Fleet {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Status(args) => args.run(),
            Self::Check(args) => args.run(),
        }
    }
}
