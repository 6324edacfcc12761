//! Forks: how many lie between this process and the first that asked. The C library tells a child that it is
//! one, so that to ask costs a load. Of a child that was made past that library, by a bare system call,
//! nothing is known.

use std::{fmt, io};

use crate::sync::{AtomicU32, Ordering};

/// Relaxed: it changes where there is one thread only.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Which process this is, since [`watch`] was called.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Has forks counted from now on.
///
/// # Errors
///
/// The system's, if it has no room to note who is to be told.
#[cfg(all(unix, not(miri)))]
pub(crate) fn watch() -> io::Result<()> {
    static WATCHED: crate::sync::Mutex<bool> = crate::sync::Mutex::new(false);

    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }

    let mut watched = WATCHED.lock();
    if !*watched {
        // SAFETY: the function may be called in a child at any moment: it does nothing but count, in a static.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        *watched = true;
    }
    Ok(())
}

/// Nothing forks there.
#[cfg(not(all(unix, not(miri))))]
pub(crate) fn watch() -> io::Result<()> {
    Ok(())
}

/// Ends a child in which there is nobody to return to, as a failure, with a word to the standard error output.
/// What the parent's threads and `main` have set to be done at its exit, and have not yet written, is theirs.
#[cfg(unix)]
pub(crate) fn end_child(why: fmt::Arguments<'_>) -> ! {
    // Past the lock of `eprintln`, which another of the parent's threads may have held.
    let _ = rustix::io::write(io::stderr(), format!("{why}\n").as_bytes());
    // SAFETY: it ends the process, and runs nothing of it before.
    unsafe { libc::_exit(1) }
}

/// Nothing forks there.
#[cfg(not(unix))]
pub(crate) fn end_child(why: fmt::Arguments<'_>) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
