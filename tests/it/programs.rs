//! Classic programs, with a result that is checked.

mod philosophers;
mod stream;
