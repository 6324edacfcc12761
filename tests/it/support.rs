//! What several topics need.

use vigie::{
    Builder,
    system::{Backend, Variant},
};

/// Runs `test` for every variant of the system's events on every back end of this build.
pub(crate) fn each(test: impl Fn(Builder)) {
    for variant in Variant::ALL {
        for backend in Backend::ALL {
            eprintln!("-- {variant} on {backend}");
            test(Builder::new().variant(variant).backend(*backend).extra_domains(2));
        }
    }
}
