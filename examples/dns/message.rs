//! DNS messages, as far as a forwarder has to understand them: RFC 1035, and EDNS of RFC 6891.

/// What a reply says of its query.
pub(crate) const FORMAT_ERROR: u8 = 1;
pub(crate) const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;

/// Bytes of a message over UDP that everybody takes, and that networks hardly ever split.
const PLAIN: usize = 512;
const WITH_EDNS: u16 = 1232;

const HEADER: usize = 12;
const IS_REPLY: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const AUTHENTIC: u16 = 0x0020;
const UNCHECKED: u16 = 0x0010;
/// What a client wishes for.
const WISHES: u16 = RECURSION_DESIRED | AUTHENTIC | UNCHECKED;

const SOA: u16 = 6;
const OPT: u16 = 41;
/// In place of an OPT record's TTL: signatures are wished for.
const DNSSEC: u32 = 0x8000;

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(message: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(message.get(at..at + 4)?.try_into().ok()?))
}

/// The numbers of questions, answers, authorities and additional records.
fn counts(message: &[u8]) -> Option<[u16; 4]> {
    Some([u16_at(message, 4)?, u16_at(message, 6)?, u16_at(message, 8)?, u16_at(message, 10)?])
}

/// The end of the one question: a name in full, a type, a class.
fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        match *message.get(at)? {
            0 => break,
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    let end = at + 1 + 4;
    (at - HEADER < 255 && end <= message.len()).then_some(end)
}

struct Record {
    kind: u16,
    class: u16,
    ttl_at: usize,
    /// Behind its data.
    end: usize,
}

/// The record that begins at `at`.
fn record(message: &[u8], mut at: usize) -> Option<Record> {
    loop {
        match *message.get(at)? {
            length @ 1..=63 => at += 1 + usize::from(length),
            0 => {
                at += 1;
                break;
            }
            // The rest of the name is elsewhere.
            0xC0.. => {
                at += 2;
                break;
            }
            _ => return None,
        }
    }
    let end = at + 10 + usize::from(u16_at(message, at + 8)?);
    let record = Record { kind: u16_at(message, at)?, class: u16_at(message, at + 2)?, ttl_at: at + 4, end };
    (end <= message.len()).then_some(record)
}

fn put(message: &mut Vec<u8>, values: &[u16]) {
    message.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}

/// An OPT record: bytes that are taken, and whether signatures are wished for.
fn put_edns(message: &mut Vec<u8>, dnssec: bool) {
    message.push(0);
    put(message, &[OPT, WITH_EDNS, 0, if dnssec { DNSSEC as u16 } else { 0 }, 0]);
}

/// A client's query.
#[derive(Debug)]
pub(crate) struct Query {
    id: u16,
    /// The bits that are passed on.
    wishes: u16,
    /// As the client wrote it: an answer repeats it.
    question: Vec<u8>,
    edns: Option<Edns>,
}

#[derive(Debug)]
struct Edns {
    /// Bytes that the client takes.
    room: u16,
    dnssec: bool,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// The reply to what is no proper query; none to what is a reply itself, or too short to be anything.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Option<Vec<u8>>> {
        let (Some(id), Some(flags), Some(counts)) = (u16_at(message, 0), u16_at(message, 2), counts(message))
        else {
            return Err(None);
        };
        // To answer an answer may have no end.
        if flags & IS_REPLY != 0 {
            return Err(None);
        }
        let refuse = |code| Err(Some(failure(id, flags, code, &[])));
        if flags & OPCODE != 0 {
            return refuse(NOT_IMPLEMENTED);
        }
        let (true, Some(end)) = (counts[..3] == [1, 0, 0], question_end(message)) else {
            return refuse(FORMAT_ERROR);
        };
        let Ok(edns) = edns(message, end, counts[3]) else { return refuse(FORMAT_ERROR) };
        Ok(Self { id, wishes: flags & WISHES, question: message[HEADER..end].to_vec(), edns })
    }

    /// The query as it is passed on, by another name. Of EDNS, which is between neighbours, no more than
    /// the wish for signatures.
    pub(crate) fn forwarded(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::new();
        put(&mut message, &[id, self.wishes, 1, 0, 0, self.edns.is_some().into()]);
        message.extend_from_slice(&self.question);
        if let Some(edns) = &self.edns {
            put_edns(&mut message, edns.dnssec);
        }
        message
    }

    /// What queries have in common that one answer serves.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = self.forwarded(0);
        key[HEADER..HEADER + self.name_length()].make_ascii_lowercase();
        key
    }

    /// Of the name in the question: a type and a class follow.
    fn name_length(&self) -> usize {
        self.question.len() - 4
    }

    /// Is this the same question, if in another spelling?
    fn asks(&self, question: &[u8]) -> bool {
        let (name, kind) = self.question.split_at(self.name_length());
        question
            .split_at_checked(name.len())
            .is_some_and(|(other, rest)| other.eq_ignore_ascii_case(name) && rest == kind)
    }

    /// The reply that there is none.
    pub(crate) fn failed(&self, code: u8) -> Vec<u8> {
        failure(self.id, self.wishes, code, &self.question)
    }

    /// How many bytes the client takes.
    fn room(&self) -> usize {
        self.edns.as_ref().map_or(PLAIN, |edns| usize::from(edns.room).max(PLAIN))
    }
}

/// What the additional records of a query say of EDNS.
fn edns(message: &[u8], mut at: usize, count: u16) -> Result<Option<Edns>, ()> {
    let mut edns = None;
    for _ in 0..count {
        let record = record(message, at).ok_or(())?;
        if record.kind == OPT {
            let dnssec = u32_at(message, record.ttl_at).ok_or(())? & DNSSEC != 0;
            if edns.replace(Edns { room: record.class, dnssec }).is_some() {
                return Err(());
            }
        }
        at = record.end;
    }
    Ok(edns)
}

fn failure(id: u16, flags: u16, code: u8, question: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let flags = IS_REPLY | RECURSION_AVAILABLE | flags & (OPCODE | RECURSION_DESIRED) | u16::from(code);
    put(&mut message, &[id, flags, (!question.is_empty()).into(), 0, 0, 0]);
    message.extend_from_slice(question);
    message
}

/// An upstream server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    message: Vec<u8>,
    flags: u16,
    /// Where the times to live are.
    ttls: Vec<usize>,
    /// For how many seconds it is good.
    lifetime: u32,
}

impl Answer {
    /// Reads an answer; `None` if it is none to this query, by this name.
    pub(crate) fn parse(message: &[u8], query: &Query, id: u16) -> Option<Self> {
        let flags = u16_at(message, 2)?;
        let counts = counts(message)?;
        let end = HEADER + query.question.len();
        let is_ours = u16_at(message, 0)? == id
            && flags & (IS_REPLY | OPCODE) == IS_REPLY
            && counts[0] == 1
            && query.asks(message.get(HEADER..end)?);
        if !is_ours {
            return None;
        }
        let (mut ttls, mut shortest, mut soa) = (Vec::new(), u32::MAX, None);
        let mut at = end;
        for _ in 0..counts[1..].iter().map(|count| u32::from(*count)).sum::<u32>() {
            let record = record(message, at)?;
            if record.kind != OPT {
                let ttl = ttl(u32_at(message, record.ttl_at)?);
                ttls.push(record.ttl_at);
                shortest = shortest.min(ttl);
                if record.kind == SOA {
                    // The last of its fields says how long it is true that there is nothing.
                    soa = Some(ttl.min(self::ttl(u32_at(message, record.end.checked_sub(4)?)?)));
                }
            }
            at = record.end;
        }
        let code = code(flags);
        let lifetime = match soa {
            _ if flags & TRUNCATED != 0 => 0,
            _ if code == 0 && counts[1] > 0 => shortest,
            Some(soa) if code == 0 || code == NO_SUCH_NAME => shortest.min(soa),
            _ => 0,
        };
        Some(Self { message: message.to_vec(), flags, ttls, lifetime })
    }

    /// Does it say what there is, or that there is nothing? Else another server may know more.
    pub(crate) fn is_final(&self) -> bool {
        matches!(code(self.flags), 0 | NO_SUCH_NAME)
    }

    /// For how many seconds it may be given to others, if at all.
    pub(crate) fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// The reply to the client, when the answer is so many seconds old.
    pub(crate) fn reply(&self, query: &Query, age: u32) -> Vec<u8> {
        let question = HEADER..HEADER + query.question.len();
        let mut message = self.message.clone();
        message[..2].copy_from_slice(&query.id.to_be_bytes());
        // In the client's own spelling, by which it may know its answer.
        message[question.clone()].copy_from_slice(&query.question);
        for at in &self.ttls {
            let field = &mut message[*at..*at + 4];
            let left = u32::from_be_bytes(field.try_into().expect("four bytes")).saturating_sub(age);
            field.copy_from_slice(&left.to_be_bytes());
        }
        if message.len() > query.room() {
            message.truncate(question.end);
            message[2..4].copy_from_slice(&(self.flags | TRUNCATED).to_be_bytes());
            message[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, query.edns.is_some().into()]);
            if let Some(edns) = &query.edns {
                put_edns(&mut message, edns.dnssec);
            }
        }
        message
    }
}

fn code(flags: u16) -> u8 {
    (flags & 0xF) as u8
}

/// One with the first bit set is to be taken for none, by RFC 2181.
fn ttl(field: u32) -> u32 {
    if field > i32::MAX as u32 { 0 } else { field }
}
