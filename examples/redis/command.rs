//! The commands. What each of them means is said at <https://redis.io/docs/latest/commands/>.

use std::{
    borrow::Cow,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crate::{data::Data, glob, reply::Replies, request::number};

/// Why there is no other reply. The first word is the kind.
type Refused = Cow<'static, str>;

const SYNTAX: &str = "ERR syntax error";
const NOT_A_NUMBER: &str = "ERR value is not an integer or out of range";

/// What there is, for a reply that the number of arguments is wrong.
const NAMES: &[&str] = &[
    "PING", "ECHO", "QUIT", "SELECT", "GET", "SET", "DEL", "EXISTS", "INCR", "DECR", "INCRBY", "DECRBY",
    "EXPIRE", "PEXPIRE", "TTL", "PTTL", "PERSIST", "KEYS", "DBSIZE", "FLUSHALL", "COMMAND", "CONFIG", "INFO",
];

/// What clients ask about, and the answers.
const SETTINGS: [(&str, &str); 4] =
    [("appendonly", "no"), ("databases", "1"), ("maxmemory", "0"), ("save", "")];

/// Performs one command and adds its reply; breaks if the connection is to end with that.
pub(crate) fn perform(
    data: &mut Data,
    now: Instant,
    request: &[&[u8]],
    replies: &mut Replies,
) -> ControlFlow<()> {
    let [name, arguments @ ..] = request else { return ControlFlow::Continue(()) };
    let name = name.to_ascii_uppercase();
    let done = match &*name {
        b"QUIT" => {
            replies.simple("OK");
            return ControlFlow::Break(());
        }
        name => dispatch(data, now, name, arguments, replies),
    };
    if let Err(refused) = done {
        replies.error(&refused);
    }
    ControlFlow::Continue(())
}

/// Either adds one reply, or refuses.
fn dispatch(
    data: &mut Data,
    now: Instant,
    name: &[u8],
    arguments: &[&[u8]],
    replies: &mut Replies,
) -> Result<(), Refused> {
    match (name, arguments) {
        (b"GET", [key]) => match data.get(key, now) {
            Some(value) => replies.bulk(value),
            None => replies.null(),
        },
        (b"SET", [key, value, options @ ..]) => {
            let options = SetOptions::parse(options, now)?;
            if options.exists.is_some_and(|exists| exists != data.get(key, now).is_some()) {
                replies.null();
            } else {
                data.set(key, value, options.deadline);
                replies.simple("OK");
            }
        }
        (b"INCR", [key]) => replies.integer(add(data, now, key, 1)?),
        (b"DECR", [key]) => replies.integer(add(data, now, key, -1)?),
        (b"INCRBY", [key, by]) => replies.integer(add(data, now, key, integer(by)?)?),
        (b"DECRBY", [key, by]) => {
            let by = integer(by)?.checked_neg().ok_or(NOT_A_NUMBER)?;
            replies.integer(add(data, now, key, by)?);
        }
        (b"DEL", keys @ [_, ..]) => {
            let deleted = keys.iter().filter(|key| data.delete(key, now)).count();
            replies.integer(deleted as i64);
        }
        (b"EXISTS", keys @ [_, ..]) => {
            let found = keys.iter().filter(|key| data.get(key, now).is_some()).count();
            replies.integer(found as i64);
        }
        (b"EXPIRE", [key, seconds]) => expire(data, now, key, seconds, 1000, "expire", replies)?,
        (b"PEXPIRE", [key, millis]) => expire(data, now, key, millis, 1, "pexpire", replies)?,
        // To the nearest second: right after EXPIRE it is what EXPIRE was given.
        (b"TTL", [key]) => replies.integer(left(data, now, key, |millis| (millis + 500) / 1000)),
        (b"PTTL", [key]) => replies.integer(left(data, now, key, |millis| millis)),
        (b"PERSIST", [key]) => {
            let expires = data.deadline(key, now).flatten().is_some();
            replies.integer((expires && data.expire(key, None, now)).into());
        }
        (b"KEYS", [pattern]) => {
            let keys: Vec<_> = data.keys(now).filter(|key| glob::matches(pattern, key)).collect();
            replies.array(keys.len());
            keys.into_iter().for_each(|key| replies.bulk(key));
        }
        (b"DBSIZE", []) => replies.integer(data.len() as i64),
        (b"FLUSHALL" | b"FLUSHDB", [] | [_]) => {
            data.clear();
            replies.simple("OK");
        }
        (b"PING", []) => replies.simple("PONG"),
        (b"PING" | b"ECHO", [message]) => replies.bulk(message),
        (b"SELECT", [index]) => match integer(index)? {
            0 => replies.simple("OK"),
            _ => return Err("ERR DB index is out of range".into()),
        },
        // Clients complete what is typed with this; without it they do not.
        (b"COMMAND", _) => replies.array(0),
        (b"CONFIG", [action, patterns @ ..]) if action.eq_ignore_ascii_case(b"GET") => {
            config(patterns, replies)
        }
        (b"INFO", _) => replies.bulk(info(data).as_bytes()),
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn unknown(name: &[u8]) -> Refused {
    let shown = String::from_utf8_lossy(&name[..name.len().min(64)]).to_ascii_lowercase();
    if NAMES.iter().any(|known| known.as_bytes() == name) {
        format!("ERR wrong number of arguments for '{shown}' command").into()
    } else {
        format!("ERR unknown command '{shown}'").into()
    }
}

fn integer(text: &[u8]) -> Result<i64, Refused> {
    number(text).ok_or(NOT_A_NUMBER.into())
}

/// What follows the value in SET.
struct SetOptions {
    /// Only if the key is there already, or only if it is not.
    exists: Option<bool>,
    deadline: Option<Instant>,
}

impl SetOptions {
    fn parse(mut words: &[&[u8]], now: Instant) -> Result<Self, Refused> {
        let mut options = Self { exists: None, deadline: None };
        while let [word, rest @ ..] = words {
            words = rest;
            match (&*word.to_ascii_uppercase(), rest) {
                (b"NX", _) if options.exists != Some(true) => options.exists = Some(false),
                (b"XX", _) if options.exists != Some(false) => options.exists = Some(true),
                (unit @ (b"EX" | b"PX"), [time, rest @ ..]) if options.deadline.is_none() => {
                    words = rest;
                    let millis = if unit == b"EX" { 1000 } else { 1 };
                    let at = deadline(now, integer(time)?, millis).filter(|at| *at > now);
                    options.deadline = Some(at.ok_or_else(|| invalid_time("set"))?);
                }
                _ => return Err(SYNTAX.into()),
            }
        }
        Ok(options)
    }
}

/// So many units of so many milliseconds from now, or now if that has passed already; `None` for a time
/// that the clock does not know.
fn deadline(now: Instant, count: i64, millis: i64) -> Option<Instant> {
    let millis = count.checked_mul(millis)?;
    now.checked_add(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

fn invalid_time(command: &str) -> Refused {
    format!("ERR invalid expire time in '{command}' command").into()
}

fn expire(
    data: &mut Data,
    now: Instant,
    key: &[u8],
    count: &[u8],
    millis: i64,
    command: &str,
    replies: &mut Replies,
) -> Result<(), Refused> {
    let at = deadline(now, integer(count)?, millis).ok_or_else(|| invalid_time(command))?;
    // One that has passed deletes the key at once.
    let found = if at > now { data.expire(key, Some(at), now) } else { data.delete(key, now) };
    replies.integer(found.into());
    Ok(())
}

/// How long the key still has, in milliseconds and then in other units; -1 for ever, -2 if it is not there.
fn left(data: &Data, now: Instant, key: &[u8], unit: impl FnOnce(i64) -> i64) -> i64 {
    match data.deadline(key, now) {
        None => -2,
        Some(None) => -1,
        // Up, so that what has not expired is not at 0.
        Some(Some(at)) => unit((at - now).as_nanos().div_ceil(1_000_000) as i64),
    }
}

/// Adds to the number at the key, which is 0 if there is none; the new one. Its deadline stays.
fn add(data: &mut Data, now: Instant, key: &[u8], by: i64) -> Result<i64, Refused> {
    let before = data.get(key, now).map_or(Ok(0), integer)?;
    let after = before.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
    let deadline = data.deadline(key, now).flatten();
    data.set(key, after.to_string().as_bytes(), deadline);
    Ok(after)
}

fn config(patterns: &[&[u8]], replies: &mut Replies) {
    let asked = |name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()));
    let found: Vec<_> = SETTINGS.iter().filter(|(name, _)| asked(name)).collect();
    replies.array(2 * found.len());
    for (name, value) in found {
        replies.bulk(name.as_bytes());
        replies.bulk(value.as_bytes());
    }
}

fn info(data: &Data) -> String {
    let (keys, expires) = (data.len(), data.expiring());
    let version = env!("CARGO_PKG_VERSION");
    let id = std::process::id();
    format!(
        "# Server\r\nredis_mode:standalone\r\nvigie_version:{version}\r\nprocess_id:{id}\r\n\
         # Keyspace\r\ndb0:keys={keys},expires={expires},avg_ttl=0\r\n"
    )
}
