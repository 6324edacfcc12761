//! Requests in RESP2, as they come in pieces: arrays of bulk strings, and lines as people type them.

use std::{borrow::Cow, ops::Range};

/// All of a request together, in bytes.
pub(crate) const MAX_REQUEST: usize = 64 << 20;
/// Arguments of a request, its name included.
pub(crate) const MAX_ARGUMENTS: usize = 1 << 20;
/// A request that is a line.
pub(crate) const MAX_LINE: usize = 4096;
/// A line that announces a length.
const MAX_HEADER: usize = 32;

/// What the peer sent is no request. Nothing after it can be made sense of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProtocolError(pub(crate) Cow<'static, str>);

impl From<&'static str> for ProtocolError {
    fn from(what: &'static str) -> Self {
        Self(what.into())
    }
}

/// Finds the requests in what was received. It remembers how far it came, so that nothing is looked at
/// twice, in however small pieces a request arrives.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// Where the current request begins.
    start: usize,
    /// How far it has been parsed, from its start on.
    at: usize,
    /// Its arguments found so far, from its start on.
    found: Vec<Range<usize>>,
    /// Its arguments still to come.
    missing: usize,
    /// The length of the next one, once that has been read.
    bulk: Option<usize>,
}

impl Parser {
    /// Puts the arguments of the next request into `arguments`, in place of what is there: at least one.
    /// `false`: the request is not all there. Then this is called again with the same `input`, and more at
    /// its end.
    ///
    /// # Errors
    ///
    /// What is there is no request, or one that is too large.
    pub(crate) fn next<'a>(
        &mut self,
        input: &'a [u8],
        arguments: &mut Vec<&'a [u8]>,
    ) -> Result<bool, ProtocolError> {
        arguments.clear();
        while self.found.is_empty() || self.missing > 0 {
            let complete = match input.get(self.start) {
                None => false,
                Some(b'*') => self.array(&input[self.start..])?,
                Some(_) => self.line(&input[self.start..])?,
            };
            if !complete {
                return Ok(false);
            }
            if self.found.is_empty() {
                // An empty request has no reply.
                self.finish();
            }
        }
        arguments.extend(self.found.iter().map(|range| &input[self.start..][range.clone()]));
        self.finish();
        Ok(true)
    }

    /// How much of the input the requests took that were given: the caller takes it out, and the next
    /// input begins after it.
    pub(crate) fn take_consumed(&mut self) -> usize {
        std::mem::take(&mut self.start)
    }

    fn finish(&mut self) {
        self.start += std::mem::take(&mut self.at);
        self.found.clear();
    }

    /// Goes on with an array; is it complete?
    fn array(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        if self.at == 0 {
            let Some(count) = self.header(input, "too big mbulk count string")? else { return Ok(false) };
            match count {
                // That of an empty array, and the one that stands for none.
                Some(..=0) => return Ok(true),
                Some(count) if count as usize <= MAX_ARGUMENTS => self.missing = count as usize,
                _ => return Err("invalid multibulk length".into()),
            }
        }
        while self.missing > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match self.length(input)? {
                    Some(length) => *self.bulk.insert(length),
                    None => return Ok(false),
                },
            };
            let end = self.at + length;
            match input.get(end..end + 2) {
                None => return Ok(false),
                Some(b"\r\n") => {}
                Some(_) => return Err("a bulk string is longer than announced".into()),
            }
            self.found.push(self.at..end);
            self.at = end + 2;
            self.bulk = None;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// The length of the next bulk string.
    fn length(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        match input.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => {
                let got = char::from(*other).escape_default();
                return Err(ProtocolError(format!("expected '$', got '{got}'").into()));
            }
        }
        let Some(length) = self.header(input, "too big bulk count string")? else { return Ok(None) };
        match length {
            Some(length @ 0..) if length as u64 <= (MAX_REQUEST - self.at.min(MAX_REQUEST)) as u64 => {
                Ok(Some(length as usize))
            }
            _ => Err("invalid bulk length".into()),
        }
    }

    /// The number behind the byte that says what it counts; `None` inside for what is no number.
    fn header(&mut self, input: &[u8], too_long: &'static str) -> Result<Option<Option<i64>>, ProtocolError> {
        let Some(line) = take_line(input, &mut self.at, MAX_HEADER, too_long)? else { return Ok(None) };
        Ok(Some(number(&input[line][1..])))
    }

    /// A request that is a line: arguments with blanks between, and no quotes.
    fn line(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        let Some(line) = take_line(input, &mut self.at, MAX_LINE, "too big inline request")? else {
            return Ok(false);
        };
        let is_blank = |at: &usize| input[*at].is_ascii_whitespace();
        let mut at = line.start;
        while let Some(start) = (at..line.end).find(|at| !is_blank(at)) {
            at = (start..line.end).find(is_blank).unwrap_or(line.end);
            self.found.push(start..at);
        }
        Ok(true)
    }
}

/// The line that begins at `at`, without its end, behind which `at` then is; `None` if it is not all there.
fn take_line(
    input: &[u8],
    at: &mut usize,
    limit: usize,
    too_long: &'static str,
) -> Result<Option<Range<usize>>, ProtocolError> {
    let rest = &input[*at..];
    let seen = &rest[..rest.len().min(limit)];
    match seen.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = *at..*at + end - usize::from(seen[..end].ends_with(b"\r"));
            *at += end + 1;
            Ok(Some(line))
        }
        None if seen.len() == limit => Err(too_long.into()),
        None => Ok(None),
    }
}

/// A decimal number as the protocol writes it, alone: no blank, no plus sign, no zero in front.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Downwards: there is one more below zero than above.
    let below = digits.iter().try_fold(0i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_sub(digit)
    })?;
    if negative { Some(below) } else { below.checked_neg() }
}
