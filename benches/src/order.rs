//! In which order all that are compared take their turns.

use fastrand::Rng;

/// Any order, but for this: the neighbours come one right after the other, and before all others in every second
/// repetition. They are those whose ratios the marks ask for most, and the machine's speed changes within seconds.
pub fn shuffled<T>(
    all: impl IntoIterator<Item = T>,
    is_neighbour: impl Fn(&T) -> bool,
    repetition: usize,
    rng: &mut Rng,
) -> Vec<T> {
    let (mut first, mut last): (Vec<T>, Vec<T>) = all.into_iter().partition(is_neighbour);
    rng.shuffle(&mut first);
    rng.shuffle(&mut last);
    if repetition.is_multiple_of(2) {
        std::mem::swap(&mut first, &mut last);
    }
    first.append(&mut last);
    first
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn neighbours_stay_together_and_all_else_goes_anywhere() {
        let mut orders = HashSet::new();
        for repetition in 0..50 {
            let mut rng = Rng::with_seed(repetition as u64);
            let order = shuffled(0..9, |one| one % 2 == 0, repetition, &mut rng);
            let even: Vec<usize> = (0..9).filter(|place| order[*place] % 2 == 0).collect();
            let first = if repetition % 2 == 0 { 4 } else { 0 };
            assert_eq!(even, Vec::from_iter(first..first + 5), "{order:?}");
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), 9);
            orders.insert(order);
        }
        assert!(orders.len() > 40);
    }
}
