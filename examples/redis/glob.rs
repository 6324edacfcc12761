//! Patterns of keys: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what stands for itself.

/// Does the pattern match all of the text? Takes no longer than their lengths multiplied.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // What follows the last star, and where in the text it is tried next.
    let mut retry = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t + 1));
            continue;
        }
        let Some(byte) = text.get(t) else { return p == pattern.len() };
        match one(&pattern[p..], *byte) {
            Some(length) => (p, t) = (p + length, t + 1),
            None => match retry {
                // The star takes one byte more.
                Some((after, from)) => {
                    (p, t) = (after, from);
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
}

/// Does the first element of the pattern match the byte? Then its length.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => set(class, byte),
        [b'\\', itself, ..] => (*itself == byte).then_some(2),
        [itself, ..] => (*itself == byte).then_some(1),
        [] => None,
    }
}

/// As `one`, behind the opening bracket. One that is not closed ends with the pattern.
fn set(class: &[u8], byte: u8) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut rest = &class[usize::from(negated)..];
    let mut found = false;
    loop {
        rest = match rest {
            [] | [b']', ..] => break,
            [b'\\', itself, rest @ ..] => {
                found |= *itself == byte;
                rest
            }
            [from, b'-', to, rest @ ..] if *to != b']' => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [itself, rest @ ..] => {
                found |= *itself == byte;
                rest
            }
        };
    }
    let closing = usize::from(!rest.is_empty());
    (found != negated).then_some(1 + class.len() - rest.len() + closing)
}
