//! Replies in RESP2.

use std::io::Write;

/// Replies that have not been written yet.
#[derive(Debug, Default)]
pub(crate) struct Replies(Vec<u8>);

impl Replies {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets what has been written, and gives back memory that is rarely needed.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(256 << 10);
    }

    pub(crate) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// The first word of `text` is the kind of error.
    pub(crate) fn error(&mut self, text: &str) {
        // A line: what it quotes must not end it.
        let text: Vec<u8> =
            text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }).collect();
        self.line(b'-', &text);
    }

    pub(crate) fn integer(&mut self, number: i64) {
        self.number(b':', number);
    }

    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.number(b'$', bytes.len() as i64);
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
    }

    /// In place of a bulk string that there is not.
    pub(crate) fn null(&mut self) {
        self.line(b'$', b"-1");
    }

    /// So many replies follow, as its elements.
    pub(crate) fn array(&mut self, length: usize) {
        self.number(b'*', length as i64);
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(text);
        self.0.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, kind: u8, number: i64) {
        self.0.push(kind);
        write!(self.0, "{number}\r\n").expect("a vector takes everything");
    }
}
