//! The figures of a section as they come: one value a repetition, and what failed.

use crate::figures::{Better, Figure, Outcome, Skipped};

/// What is measured: the figure without its values.
#[derive(Clone, Debug)]
pub struct Quantity {
    pub row: u8,
    pub what: String,
    pub unit: &'static str,
    pub better: Better,
}

impl Quantity {
    pub fn new(row: u8, what: impl Into<String>, unit: &'static str, better: Better) -> Self {
        Self { row, what: what.into(), unit, better }
    }
}

#[derive(Debug, Default)]
pub struct Gather {
    outcome: Outcome,
}

impl Gather {
    /// One more value of a figure.
    pub fn add(&mut self, quantity: Quantity, who: &str, value: f64) {
        let Quantity { row, what, unit, better } = quantity;
        let same = |figure: &&mut Figure| figure.row == row && figure.who == who && figure.what == what;
        match self.outcome.figures.iter_mut().find(same) {
            Some(figure) => figure.values.push(value),
            None => self.outcome.figures.push(Figure {
                row,
                what,
                who: who.to_owned(),
                unit: unit.to_owned(),
                values: vec![value],
                better,
            }),
        }
    }

    /// Nothing for these; said once.
    pub fn skip(&mut self, row: u8, who: &str, why: impl Into<String>) {
        let skipped = Skipped { row, who: who.to_owned(), why: why.into() };
        if !self.outcome.skipped.contains(&skipped) {
            self.outcome.skipped.push(skipped);
        }
    }

    pub fn outcome(self) -> Outcome {
        self.outcome
    }
}

/// As in "1 connection" and "16 connections".
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
