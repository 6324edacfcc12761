//! How the runtime's threads are started.

use std::{
    fmt, io,
    thread::{self, JoinHandle},
};

use crate::{runtime::Builder, sync::Arc};

type Body = Box<dyn FnOnce() + Send>;

impl Builder {
    /// How threads are started: the domains', the observers', and those that report. `spawn` gets a builder
    /// that has the thread's name, and the thread's body. For threads with a stack size, an affinity or a
    /// priority of your own.
    ///
    /// ```
    /// use std::{sync::mpsc, thread};
    ///
    /// let (told, names) = mpsc::channel();
    /// let builder = vigie::Builder::new().extra_domains(2).spawn_thread(move |thread, body| {
    ///     let told = told.clone();
    ///     thread.stack_size(256 * 1024).spawn(move || {
    ///         told.send(thread::current().name().map(str::to_owned)).unwrap();
    ///         body();
    ///     })
    /// });
    /// builder.run(async {}).unwrap();
    /// let mut names: Vec<_> = names.iter().flatten().collect();
    /// names.sort();
    /// assert_eq!(names, ["vigie-1", "vigie-2"]);
    /// ```
    pub fn spawn_thread(
        mut self,
        spawn: impl Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.spawn_thread = SpawnThread(Arc::new(spawn));
        self
    }
}

/// What starts a thread.
#[derive(Clone)]
pub(crate) struct SpawnThread(Arc<dyn Fn(thread::Builder, Body) -> io::Result<JoinHandle<()>> + Send + Sync>);

impl SpawnThread {
    pub(crate) fn spawn(&self, name: String, body: Body) -> io::Result<JoinHandle<()>> {
        (self.0)(thread::Builder::new().name(name), body)
    }
}

impl Default for SpawnThread {
    fn default() -> Self {
        Self(Arc::new(|thread, body| thread.spawn(body)))
    }
}

impl fmt::Debug for SpawnThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpawnThread")
    }
}
