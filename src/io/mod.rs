//! The standard streams of the process.

mod stdio;

pub use self::stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
