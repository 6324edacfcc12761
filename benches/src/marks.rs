//! How far it must reach: every mark, in one table.
//!
//! A mark is held against each figure of its row that it applies to, repetition by repetition of one run.

use crate::{
    figures::{Better, Figure, median},
    servers::{Kind, Runtime},
};

/// Whose figures must reach the marks: the default variant.
pub const WHO: &str = "observer";

pub struct Mark {
    pub row: u8,
    /// What it asks for, in words.
    pub text: &'static str,
    /// To which figures, by what they are of.
    applies: fn(&str) -> bool,
    test: Test,
}

enum Test {
    /// At least as good as this much of another's.
    Of(&'static str, f64),
    /// At least as good as every one of these.
    Peers(fn(&str) -> bool),
    /// At least as good as this.
    Limit(f64),
    /// Each at most this much more than the least of them.
    Within(f64),
    /// For each of many at most as much more than for each of few as their logarithms differ.
    Growth,
    /// Nothing to reach; shown beside the pipe's.
    Shown,
}

/// A mark held against one figure.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub what: String,
    pub unit: String,
    pub value: f64,
    /// What it is measured by, and what that is; nothing where it is only shown.
    pub bound: f64,
    pub by: String,
    pub better: Better,
    /// Nothing to reach.
    pub shown: bool,
    /// How much of the mark was reached in each repetition, the least first: 1 is just so, more is better, and
    /// below nothing all is.
    reaches: Vec<f64>,
}

impl Verdict {
    pub fn reached(&self) -> bool {
        self.shown || self.reach() >= 1.0
    }

    /// How much of the mark was reached: the median of the repetitions, in each of which all ran one after the
    /// other, so that a machine whose speed changes is the same for both.
    pub fn reach(&self) -> f64 {
        median(&self.reaches)
    }

    /// The least and the most of it, where there were several repetitions.
    pub fn reach_between(&self) -> Option<(f64, f64)> {
        let least_and_most = self.reaches.first().copied().zip(self.reaches.last().copied());
        least_and_most.filter(|_| self.reaches.len() > 1)
    }
}

/// How much of `bound` is reached by `value`.
fn reach(better: Better, value: f64, bound: f64) -> f64 {
    match better {
        _ if value == bound => 1.0,
        Better::Lower if value <= 0.0 => f64::INFINITY,
        Better::Lower => bound / value,
        Better::Higher => value / bound,
    }
}

impl Mark {
    /// Against all figures that there are; nothing where none of them applies, or none is there to compare with.
    pub fn verdicts(&self, figures: &[Figure]) -> Vec<Verdict> {
        let own = figures.iter().filter(|figure| figure.row == self.row && figure.who == WHO);
        let own: Vec<&Figure> = own.filter(|figure| (self.applies)(&figure.what)).collect();
        own.iter().filter_map(|figure| self.verdict(figure, &own, figures)).collect()
    }

    fn verdict(&self, figure: &Figure, own: &[&Figure], figures: &[Figure]) -> Option<Verdict> {
        let others = |who: fn(&str) -> bool| {
            let same = figures.iter().filter(|other| other.row == figure.row && other.what == figure.what);
            same.filter(move |other| who(&other.who)).filter(|other| !other.values.is_empty())
        };
        let same = |who: &str| others(every).find(|other| other.who == who);
        // Whose figure it is measured by, and how much of that is the bound.
        let (measure, factor, by) = match self.test {
            Test::Limit(_) => (None, 1.0, "the mark".to_owned()),
            Test::Of(who, 1.0) => (Some(same(who)?), 1.0, who.to_owned()),
            Test::Of(who, factor) => (Some(same(who)?), factor, format!("{factor} of {who}")),
            Test::Peers(peers) => {
                let best = best(figure.better, others(peers))?;
                (Some(best), 1.0, best.who.clone())
            }
            Test::Within(factor) => {
                let best = best(figure.better, own.iter().copied())?;
                (Some(best), factor, format!("within {factor} of \"{}\"", best.what))
            }
            Test::Growth => {
                let (many, _) = sleepers(&figure.what)?;
                let fewer = own.iter().copied().filter(|other| grows(&other.what, &figure.what));
                let few = fewer.min_by_key(|other| other.what.len())?;
                let (count, _) = sleepers(&few.what)?;
                (Some(few), many.ln() / count.ln(), format!("n log n from {count}"))
            }
            Test::Shown => (same("pipe"), 1.0, "pipe".to_owned()),
        };
        let bound = match (&self.test, measure) {
            (Test::Limit(bound), _) => *bound,
            (_, measure) => measure.map_or(f64::NAN, |measure| measure.median() * factor),
        };
        // Of the same repetition, or else, where one of them has failed in some, of all.
        let bounds = |at: usize| match (&self.test, measure) {
            (Test::Limit(bound), _) => *bound,
            (_, Some(other)) if other.values.len() == figure.values.len() => other.values[at] * factor,
            _ => bound,
        };
        let values = figure.values.iter().enumerate();
        let mut reaches: Vec<f64> =
            values.map(|(at, value)| reach(figure.better, *value, bounds(at))).collect();
        reaches.sort_by(f64::total_cmp);
        Some(Verdict {
            what: figure.what.clone(),
            unit: figure.unit.clone(),
            value: figure.median(),
            bound,
            by,
            better: figure.better,
            shown: matches!(self.test, Test::Shown),
            reaches,
        })
    }
}

fn best<'a>(better: Better, figures: impl Iterator<Item = &'a Figure>) -> Option<&'a Figure> {
    figures.min_by(|a, b| match better {
        Better::Lower => a.median().total_cmp(&b.median()),
        Better::Higher => b.median().total_cmp(&a.median()),
    })
}

/// Whoever is neither a variant nor the limit; the small operations have peers that serve nothing.
fn any_peer(who: &str) -> bool {
    Runtime::by_name(who).is_none_or(|runtime| !matches!(runtime.kind, Kind::Variant | Kind::Limit))
}

fn readiness_peer(who: &str) -> bool {
    Runtime::by_name(who).is_some_and(|runtime| runtime.kind == Kind::Readiness)
}

fn every(_: &str) -> bool {
    true
}

fn requests(what: &str) -> bool {
    what.ends_with("requests/s")
}

/// As in "echo, 16 connections, free, requests/s".
fn connections(what: &str) -> Option<usize> {
    what.strip_prefix("echo, ")?.split(' ').next()?.parse().ok()
}

/// As in "sleeper, 100000, random": how many, and what kind.
fn sleepers(what: &str) -> Option<(f64, &str)> {
    let (count, kind) = what.strip_prefix("sleeper, ")?.split_once(", ")?;
    Some((count.parse().ok()?, kind))
}

/// Fewer of the same kind.
fn grows(few: &str, many: &str) -> bool {
    matches!((sleepers(few), sleepers(many)), (Some((few, kind)), Some((many, other))) if few < many && kind == other)
}

pub static MARKS: [Mark; 28] = [
    Mark { row: 1, text: "a yield: at most 0.2 of the pipe's", applies: every, test: Test::Of("pipe", 0.2) },
    Mark { row: 1, text: "a yield: at most the best peer's", applies: every, test: Test::Peers(any_peer) },
    Mark {
        row: 1,
        text: "a yield: the same with 0 and with 1000 sources",
        applies: every,
        test: Test::Within(1.1),
    },
    Mark { row: 2, text: "a spawn: at most the best peer's", applies: every, test: Test::Peers(any_peer) },
    Mark {
        row: 3,
        text: "a call, parked: at most 0.8 of the pipe's",
        applies: |what| what.contains("parked"),
        test: Test::Of("pipe", 0.8),
    },
    Mark { row: 3, text: "a call: at most the best peer's", applies: every, test: Test::Peers(any_peer) },
    Mark {
        row: 4,
        text: "a cancellation: at most 0.8 of the pipe's",
        applies: every,
        test: Test::Of("pipe", 0.8),
    },
    Mark {
        row: 5,
        text: "a wake of an awake domain: no system call (less than one in a hundred, for what else the process does)",
        applies: |what| what.contains("awake") && what.contains("system call"),
        test: Test::Limit(0.01),
    },
    Mark {
        row: 5,
        text: "a wake: shown",
        applies: |what| !what.contains("awake") || !what.contains("system call"),
        test: Test::Shown,
    },
    Mark {
        row: 6,
        text: "echo, 16 connections and more, free and pinned: at least 0.97 of a raw epoll loop",
        applies: |what| requests(what) && connections(what).is_some_and(|count| count >= 16),
        test: Test::Of("raw epoll", 0.97),
    },
    Mark {
        row: 6,
        text: "echo, free, any count: at least the pipe's",
        applies: |what| requests(what) && what.contains("free"),
        test: Test::Of("pipe", 1.0),
    },
    Mark {
        row: 6,
        text: "echo, free, any count: at least that of every readiness peer",
        applies: |what| requests(what) && what.contains("free"),
        test: Test::Peers(readiness_peer),
    },
    Mark {
        row: 6,
        text: "echo, 1 connection, pinned: what the hop costs, shown",
        applies: |what| what == "echo, 1 connection, pinned, p50",
        test: Test::Shown,
    },
    Mark {
        row: 6,
        text: "echo, beyond that: monoio on io_uring",
        applies: requests,
        test: Test::Of("monoio-uring", 1.0),
    },
    Mark {
        row: 7,
        text: "echo, the median within 2 slices of 50 µs, however many tasks compute",
        applies: |what| what.ends_with(", p50") && !what.contains("K = 0") && !what.contains("pinned"),
        test: Test::Limit(100.0),
    },
    // Stricter than what was asked for: a quick answer counts for little time.
    Mark {
        row: 7,
        text: "the same at a median moment, where a slow answer counts for as long as it takes",
        applies: |what| {
            what.ends_with("p50 of the time") && !what.contains("K = 0") && !what.contains("pinned")
        },
        test: Test::Limit(100.0),
    },
    Mark {
        row: 8,
        text: "beside a task that asks should_yield: p99 at most 200 µs",
        applies: |what| what.ends_with("p99"),
        test: Test::Limit(200.0),
    },
    Mark {
        row: 8,
        text: "that task, without traffic: at most 2 % slower for asking",
        applies: |what| what.contains("slower"),
        test: Test::Limit(2.0),
    },
    Mark { row: 9, text: "a sleeper: at most the best peer's", applies: every, test: Test::Peers(any_peer) },
    Mark { row: 9, text: "a sleeper among many: no worse than n log n", applies: every, test: Test::Growth },
    Mark { row: 10, text: "idle: no CPU time", applies: |what| what.contains("CPU"), test: Test::Limit(0.0) },
    Mark {
        row: 10,
        text: "idle: no wake-up",
        applies: |what| what.contains("context switches"),
        test: Test::Limit(0.0),
    },
    Mark {
        row: 11,
        text: "an idle task: at most the best peer's bytes",
        applies: |what| what.contains("tasks"),
        test: Test::Peers(any_peer),
    },
    Mark {
        row: 11,
        text: "an idle connection: at most the best peer's bytes",
        applies: |what| what.contains("connections"),
        test: Test::Peers(any_peer),
    },
    Mark {
        row: 12,
        text: "churn: at least that of every readiness peer",
        applies: |what| what.ends_with("connections/s"),
        test: Test::Peers(readiness_peer),
    },
    Mark {
        row: 13,
        text: "system calls a request: at most the pipe's",
        applies: |what| what.ends_with("system calls"),
        test: Test::Of("pipe", 1.0),
    },
    Mark {
        row: 13,
        text: "context switches a request: at most the pipe's",
        applies: |what| what.ends_with("context switches"),
        test: Test::Of("pipe", 1.0),
    },
    Mark { row: 14, text: "start: shown", applies: every, test: Test::Shown },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(row: u8, what: &str, who: &str, value: f64, better: Better) -> Figure {
        let (what, who) = (what.to_owned(), who.to_owned());
        Figure { row, what, who, unit: "/s".to_owned(), values: vec![value], better }
    }

    fn mark(text: &str) -> &'static Mark {
        MARKS.iter().find(|mark| mark.text.contains(text)).unwrap()
    }

    #[test]
    fn of_another() {
        let what = "echo, 16 connections, free, requests/s";
        let figures = [
            figure(6, what, "observer", 98.0, Better::Higher),
            figure(6, what, "raw epoll", 100.0, Better::Higher),
            figure(6, what, "pipe", 99.0, Better::Higher),
            figure(6, "echo, 4 connections, free, requests/s", "observer", 1.0, Better::Higher),
        ];
        let raw = mark("raw epoll").verdicts(&figures);
        assert_eq!(raw.len(), 1, "of fewer connections nothing is asked");
        assert!(raw[0].reached());
        let pipe = mark("at least the pipe's").verdicts(&figures);
        assert!(!pipe[0].reached());
        assert!((pipe[0].reach() - 98.0 / 99.0).abs() < 1e-9);
    }

    #[test]
    fn the_best_of_the_peers() {
        let what = "memory, each of 10 idle tasks";
        let mut figures = vec![
            figure(11, what, "observer", 200.0, Better::Lower),
            figure(11, what, "pipe", 100.0, Better::Lower),
            figure(11, what, "smol", 300.0, Better::Lower),
        ];
        let text = "an idle task";
        assert!(mark(text).verdicts(&figures)[0].reached(), "the pipe is no peer");
        figures.push(figure(11, what, "glommio", 199.0, Better::Lower));
        assert!(!mark(text).verdicts(&figures)[0].reached());
    }

    #[test]
    fn nothing_is_nothing() {
        let idle = [figure(10, "idle, 8 domains, CPU in 10 s", "observer", 0.0, Better::Lower)];
        let verdicts = mark("no CPU time").verdicts(&idle);
        assert!(verdicts[0].reached());
        assert_eq!(verdicts[0].reach(), 1.0);
    }
}
