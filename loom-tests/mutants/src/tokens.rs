//! The mutants of tokens.

use crate::table::{Mutant, mutant};

const TOKENS: &str = "src/protocol/tokens.rs";
const MODEL: &str = "loom-tests/tokens.rs";

pub(crate) fn mutants() -> Vec<Mutant> {
    let late = "tokens::token_late";
    let moves = "tokens::token_moves";
    vec![
        // T1 to T3.
        mutant(
            "token-same-for-all",
            late,
            1,
            TOKENS,
            "self.generation.wrapping_add(1) &",
            "self.generation &",
        ),
        mutant(
            "token-means-any",
            late,
            1,
            TOKENS,
            "(place.token == token).then_some(&mut place.value)",
            "Some(&mut place.value)",
        )
        .also(moves, 2),
        mutant(
            "token-remove-any",
            late,
            1,
            TOKENS,
            "self.get_mut(token)?;",
            "self.slab.get(token & ((1 << HALF) - 1))?;",
        ),
        // The caller's part.
        mutant("caller-arrives-unheard", moves, 1, MODEL, "let ready = state.0;", "let ready = false;"),
        mutant(
            "caller-leaves-without-word",
            moves,
            1,
            MODEL,
            "there.desks[0].news.send(News::Gone(token));",
            "",
        ),
        mutant(
            "caller-leaves-after-arrival",
            moves,
            1,
            MODEL,
            "there.register(1, token);",
            "there.register(1, token); there.deregister();",
        ),
    ]
}
