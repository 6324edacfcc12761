//! Whole programs, whose results are checked.

mod merge_sort;
mod merkle;
#[cfg(feature = "sync")]
mod philosophers;
#[cfg(feature = "sync")]
mod stream;
