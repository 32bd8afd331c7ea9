//! Programs that must not compile; `tests/cases/` has one a file.
//!
//! After a change of a message, `TRYBUILD=overwrite cargo test -p haversack-compile-fail` writes
//! what the compiler says now. Look at it before it is committed: it is what a user reads.
