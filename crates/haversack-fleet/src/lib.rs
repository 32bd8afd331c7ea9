//! Key rings for a fleet of stateless servers: feeds that never block a request.

pub mod file;
