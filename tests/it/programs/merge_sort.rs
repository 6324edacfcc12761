//! A merge sort: each half of the numbers is a task of its own, on whatever domain.

use vigie::parallel;

use crate::support::each;

#[test]
fn merge_sort() {
    fn sort(mut numbers: Vec<u32>) -> std::pin::Pin<Box<dyn Future<Output = Vec<u32>>>> {
        Box::pin(async move {
            if numbers.len() <= 500 {
                numbers.sort_unstable();
                return numbers;
            }
            let right = numbers.split_off(numbers.len() / 2);
            let mut halves = parallel([numbers, right], sort).await.into_iter().map(Result::unwrap);
            let (left, right) = (halves.next().unwrap(), halves.next().unwrap());
            let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
            let mut merged = Vec::new();
            loop {
                match (left.peek(), right.peek()) {
                    (Some(one), Some(other)) if one <= other => merged.extend(left.next()),
                    (_, Some(_)) => merged.extend(right.next()),
                    _ => {
                        merged.extend(left);
                        return merged;
                    }
                }
            }
        })
    }
    each(|builder| {
        builder
            .run(async {
                let mut rng = fastrand::Rng::with_seed(7);
                let numbers: Vec<u32> = (0..20_000).map(|_| rng.u32(..)).collect();
                let mut expected = numbers.clone();
                expected.sort_unstable();
                assert_eq!(sort(numbers).await, expected);
            })
            .unwrap();
    });
}
