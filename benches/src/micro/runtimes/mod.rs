//! The runtimes, a file each. To add one: a file that has its `CONTENDERS`, and a line here.

mod compio;
mod glommio;
mod may;
mod monoio;
mod smol;
mod tokio;
mod vigie;

use super::runtime::Contender;

/// All that take part, in the order in which they are measured.
pub(super) fn all() -> impl Iterator<Item = &'static dyn Contender> {
    let all: [&[&dyn Contender]; 7] = [
        vigie::CONTENDERS,
        tokio::CONTENDERS,
        smol::CONTENDERS,
        monoio::CONTENDERS,
        compio::CONTENDERS,
        glommio::CONTENDERS,
        may::CONTENDERS,
    ];
    all.into_iter().flatten().copied()
}
