//! Keys from a file that is watched.
