//! What cannot go on.

use std::process;

use crate::domain::Domain;

/// Aborts the process if it is dropped, as by a panic that comes by, and says why: a domain has come to where a
/// run could neither go on nor end.
pub(crate) struct AbortOnUnwind(pub(crate) Domain, pub(crate) &'static str);

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        eprintln!("vigie: {}: {}", self.0, self.1);
        process::abort();
    }
}
