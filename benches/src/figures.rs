//! The unit of results: what was measured, of whom, and what came of it.

use serde::{Deserialize, Serialize};

/// One quantity of one runtime, measured several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its number in the table of marks, 1 to 14.
    pub row: u8,
    /// Such as "echo, 16 connections, free, requests/s".
    pub what: String,
    /// Such as "observer" or "tokio-current".
    pub who: String,
    pub unit: String,
    /// One a repetition.
    pub values: Vec<f64>,
    pub better: Better,
}

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    Lower,
    Higher,
}

/// What was not measured, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub row: u8,
    pub who: String,
    pub why: String,
}

/// What a section found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub figures: Vec<Figure>,
    pub skipped: Vec<Skipped>,
}

impl Outcome {
    pub fn extend(&mut self, other: Self) {
        self.figures.extend(other.figures);
        self.skipped.extend(other.skipped);
    }
}

impl Figure {
    pub fn median(&self) -> f64 {
        median(&self.values)
    }

    pub fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::NAN, f64::min)
    }

    pub fn max(&self) -> f64 {
        self.values.iter().copied().fold(f64::NAN, f64::max)
    }
}

/// The middle value; the mean of the two in the middle where there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(values: &[f64]) -> Figure {
        Figure {
            row: 1,
            what: "yield".into(),
            who: "observer".into(),
            unit: "ns".into(),
            values: values.to_vec(),
            better: Better::Lower,
        }
    }

    #[test]
    fn the_median_and_the_spread() {
        let odd = figure(&[5.0, 1.0, 3.0]);
        assert_eq!((odd.median(), odd.min(), odd.max()), (3.0, 1.0, 5.0));
        assert_eq!(figure(&[4.0, 1.0]).median(), 2.5);
        assert!(figure(&[]).median().is_nan());
    }

    #[test]
    fn json_and_back() {
        let figure = figure(&[1.5]);
        let json = serde_json::to_string(&figure).unwrap();
        assert_eq!(serde_json::from_str::<Figure>(&json).unwrap(), figure);
    }
}
