//! The small Redis' own parts: requests in pieces, patterns.

use proptest::{collection::vec, prelude::*};

#[path = "../../../examples/redis/glob.rs"]
mod glob;
#[path = "../../../examples/redis/request.rs"]
#[allow(dead_code, reason = "the limits are the program's")]
mod request;

use glob::matches;
use request::{Parser, number};

/// All requests of the input, which comes in pieces that end at these places.
fn parse(input: &[u8], ends: &[usize]) -> Vec<Vec<Vec<u8>>> {
    let (mut parser, mut taken, mut requests) = (Parser::default(), 0, Vec::new());
    for end in ends.iter().copied().chain([input.len()]) {
        let mut request = Vec::new();
        while parser.next(&input[taken..end.max(taken)], &mut request).unwrap() {
            requests.push(request.iter().map(|argument| argument.to_vec()).collect());
        }
        taken += parser.take_consumed();
    }
    assert_eq!(taken, input.len(), "all of it was requests");
    requests
}

proptest! {
    #[test]
    fn requests_are_found_however_they_are_cut(
        requests in vec(vec(vec(any::<u8>(), 0..20), 1..5), 0..8),
        mut ends in vec(0..400usize, 0..20),
    ) {
        let mut input = Vec::new();
        for request in &requests {
            // Empty requests between them are nothing.
            input.extend(format!("*0\r\n\r\n*{}\r\n", request.len()).into_bytes());
            for argument in request {
                input.extend(format!("${}\r\n", argument.len()).into_bytes());
                input.extend(argument);
                input.extend(b"\r\n");
            }
        }
        ends.iter_mut().for_each(|end| *end = (*end).min(input.len()));
        ends.sort_unstable();
        prop_assert_eq!(parse(&input, &ends), requests);
    }

    #[test]
    fn numbers_are_what_is_written_for_them(n in any::<i64>()) {
        prop_assert_eq!(number(n.to_string().as_bytes()), Some(n));
    }
}

#[test]
fn nothing_makes_it_panic() {
    proptest!(|(input in vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..60))| {
        let (mut parser, mut request) = (Parser::default(), Vec::new());
        while let Ok(true) = parser.next(&input, &mut request) {}
    });
}

#[test]
fn numbers_that_are_none() {
    for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
    {
        assert_eq!(number(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn patterns() {
    let cases = [
        ("*", "", true),
        ("*", "anything", true),
        ("", "", true),
        ("", "x", false),
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "hllo", true),
        ("h*llo", "heeello", true),
        ("h*l*o", "hallooooo", true),
        ("h*x", "hello", false),
        ("**a**", "bab", true),
        ("h[ae]llo", "hallo", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[a-b]llo", "hbllo", true),
        ("h[b-a]llo", "hbllo", true),
        ("h[a-b]llo", "hcllo", false),
        ("[a-]", "-", true),
        ("[\\]]", "]", true),
        ("[]x", "x", false),
        ("[a", "a", true),
        ("[", "[", false),
        ("\\*", "*", true),
        ("\\*", "x", false),
        ("\\", "\\", true),
        ("user:*:name", "user:17:name", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
    // To try every way to share the text out among the stars would take for ever.
    assert!(!matches(("*a".repeat(50) + "*b").as_bytes(), "a".repeat(1000).as_bytes()));
}
