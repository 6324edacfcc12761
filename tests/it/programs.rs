//! Whole programs, whose results are checked against a plain computation.

mod merkle;
