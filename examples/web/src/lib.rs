//! What the programs share: the events' options, the word to stop, TLS.

pub mod options;
pub mod site;
pub mod stop;
pub mod tls;

/// Any error: these are programs.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
