//! How much is measured.

/// All of it, or a little of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Full,
    Smoke,
}
