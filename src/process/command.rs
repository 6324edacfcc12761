//! Programs to be started.

use std::{
    ffi::OsStr,
    future::Future,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{self, ExitStatus, Output, Stdio},
};

use super::{Child, orphans};

/// A program to be started, and how: [`std::process::Command`] with the same methods.
///
/// Built anywhere; to start a program needs no domain, but to wait for it does.
///
/// ```
/// use vigie::process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// vigie::run(async {
///     let mut command = Command::new("sh");
///     command.args(["-c", "exit $CODE"]).env("CODE", "3");
///     assert_eq!(command.status().await?.code(), Some(3));
///     Ok(())
/// })?
/// # }
/// ```
#[derive(Debug)]
pub struct Command {
    std: process::Command,
    /// Of stdin, stdout and stderr: was it chosen?
    chosen: [bool; 3],
    kill_on_drop: bool,
}

impl Command {
    /// The program at this path, or found in `PATH` if there is no slash in it; without arguments, with the
    /// environment and the directory of this process.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     assert!(Command::new("true").status().await.unwrap().success());
    ///     let missing = Command::new("/no/such/program").status().await.unwrap_err();
    ///     assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    /// }).unwrap();
    /// ```
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        process::Command::new(program).into()
    }

    /// One argument more.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     // No shell looks at it: this is one argument.
    ///     let output = Command::new("echo").arg("two  words").output().await.unwrap();
    ///     assert_eq!(output.stdout, b"two  words\n");
    /// }).unwrap();
    /// ```
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Several arguments more.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let output = Command::new("echo").args(["one", "two"]).output().await.unwrap();
    ///     assert_eq!(output.stdout, b"one two\n");
    /// }).unwrap();
    /// ```
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.std.args(args);
        self
    }

    /// The name that the program is told to have, in place of that of `new`.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let output = Command::new("sh").arg0("bosun").args(["-c", "echo $0"]).output().await.unwrap();
    ///     assert_eq!(output.stdout, b"bosun\n");
    /// }).unwrap();
    /// ```
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg0(arg);
        self
    }

    /// Sets a variable of the environment.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut command = Command::new("sh");
    ///     let output = command.args(["-c", "echo $FLAG"]).env("FLAG", "blue").output().await.unwrap();
    ///     assert_eq!(output.stdout, b"blue\n");
    /// }).unwrap();
    /// ```
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(key, value);
        self
    }

    /// Sets several variables of the environment.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut command = Command::new("sh");
    ///     command.args(["-c", "echo $FORE $AFT"]).envs([("FORE", "green"), ("AFT", "white")]);
    ///     assert_eq!(command.output().await.unwrap().stdout, b"green white\n");
    /// }).unwrap();
    /// ```
    pub fn envs<K, V>(&mut self, vars: impl IntoIterator<Item = (K, V)>) -> &mut Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut command = Command::new("/bin/sh");
    ///     command.args(["-c", "echo ${HOME-none}"]).env_remove("HOME");
    ///     assert_eq!(command.output().await.unwrap().stdout, b"none\n");
    /// }).unwrap();
    /// ```
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Takes all variables out of the environment.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let output = Command::new("/usr/bin/env").env_clear().env("FLAG", "blue").output().await.unwrap();
    ///     assert_eq!(output.stdout, b"FLAG=blue\n");
    /// }).unwrap();
    /// ```
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// The directory that the program starts in.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let output = Command::new("pwd").arg("-P").current_dir("/").output().await.unwrap();
    ///     assert_eq!(output.stdout, b"/\n");
    /// }).unwrap();
    /// ```
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(dir);
        self
    }

    /// What the program reads. If it is not chosen: as this process, or nothing for
    /// [`output`](Self::output).
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    ///     assert!(cat.stdin.is_some());
    ///     // Which closes the pipe: that ends `cat`.
    ///     assert!(cat.wait().await.unwrap().success());
    /// }).unwrap();
    /// ```
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.std.stdin(stdin);
        self.chosen[0] = true;
        self
    }

    /// Where the program writes. If it is not chosen: as this process, or a pipe for
    /// [`output`](Self::output).
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let output = Command::new("echo").arg("ahoy").stdout(Stdio::null()).output().await.unwrap();
    ///     assert!(output.stdout.is_empty());
    /// }).unwrap();
    /// ```
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.std.stdout(stdout);
        self.chosen[1] = true;
        self
    }

    /// Where the program writes its errors. In all else as [`stdout`](Self::stdout).
    ///
    /// ```
    /// use vigie::process::{Command, Stdio};
    ///
    /// vigie::run(async {
    ///     let mut command = Command::new("sh");
    ///     command.args(["-c", "echo leak >&2"]).stderr(Stdio::piped());
    ///     let child = command.spawn().unwrap();
    ///     assert_eq!(child.wait_with_output().await.unwrap().stderr, b"leak\n");
    /// }).unwrap();
    /// ```
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.std.stderr(stderr);
        self.chosen[2] = true;
        self
    }

    /// The user that the program runs as.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     // Our own, which everybody may choose.
    ///     let own = rustix::process::getuid().as_raw();
    ///     let output = Command::new("id").arg("-u").uid(own).output().await.unwrap();
    ///     assert_eq!(output.stdout, format!("{own}\n").as_bytes());
    /// }).unwrap();
    /// ```
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// The group that the program runs as.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let own = rustix::process::getgid().as_raw();
    ///     let output = Command::new("id").arg("-g").gid(own).output().await.unwrap();
    ///     assert_eq!(output.stdout, format!("{own}\n").as_bytes());
    /// }).unwrap();
    /// ```
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// The process group that the program joins; 0 is a new one, of its own.
    ///
    /// ```
    /// use rustix::process::{Pid, getpgid};
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    ///     let pid = Pid::from_raw(child.id().unwrap() as i32);
    ///     // A Ctrl-C of our terminal does not reach it.
    ///     assert_eq!(getpgid(pid).ok(), pid);
    ///     child.kill().unwrap();
    ///     child.wait().await.unwrap();
    /// }).unwrap();
    /// ```
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.std.process_group(group);
        self
    }

    /// Is a child to be killed when its [`Child`] is dropped before its end was learned of? It is not, if
    /// this is not called.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vigie::{process::Command, time::timeout};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// vigie::run(async {
    ///     let status = Command::new("sleep").arg("1000").kill_on_drop(true).status();
    ///     // It is killed here.
    ///     timeout(Duration::from_millis(1), status).await.unwrap_err();
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// Starts the program.
    ///
    /// Blocks the thread until the system has started it: see the [module](super).
    ///
    /// # Errors
    ///
    /// The system's, as [`NotFound`](io::ErrorKind::NotFound) where there is no such program.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     // Both run.
    ///     let mut one = Command::new("true").spawn().unwrap();
    ///     let mut other = Command::new("false").spawn().unwrap();
    ///     assert!(one.wait().await.unwrap().success());
    ///     assert!(!other.wait().await.unwrap().success());
    /// }).unwrap();
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        orphans::tend();
        Child::new(self.std.spawn()?, self.kill_on_drop)
    }

    /// Starts the program at once, and waits for its end. Pipes that were asked for are closed.
    ///
    /// Dropping the future drops the [`Child`].
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let status = Command::new("sh").args(["-c", "exit 3"]).status().await.unwrap();
    ///     assert_eq!(status.code(), Some(3));
    /// }).unwrap();
    /// ```
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async move {
            let mut child = child?;
            // Who writes to nobody is told so, instead of waiting for a reader.
            drop((child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the program at once, reads all that it writes to stdout and stderr, and waits for its end.
    ///
    /// Where they were not chosen, stdout and stderr are pipes, and there is nothing on stdin. What was
    /// chosen by [`as_std_mut`](Self::as_std_mut), or before this was made of a command of the standard
    /// library, does not count as chosen. Dropping the future drops the [`Child`].
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let output = Command::new("sh").args(["-c", "echo one; echo two >&2"]).output().await.unwrap();
    ///     assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"one\n"[..], &b"two\n"[..]));
    /// }).unwrap();
    /// ```
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.default_stdio([Stdio::null(), Stdio::piped(), Stdio::piped()]);
        let child = self.spawn();
        self.default_stdio([Stdio::inherit(), Stdio::inherit(), Stdio::inherit()]);
        async move { child?.wait_with_output().await }
    }

    /// For those that were not chosen.
    fn default_stdio(&mut self, [stdin, stdout, stderr]: [Stdio; 3]) {
        if !self.chosen[0] {
            self.std.stdin(stdin);
        }
        if !self.chosen[1] {
            self.std.stdout(stdout);
        }
        if !self.chosen[2] {
            self.std.stderr(stderr);
        }
    }

    /// What it was told, as the standard library's command.
    ///
    /// ```
    /// use vigie::process::Command;
    ///
    /// let mut command = Command::new("echo");
    /// command.arg("ahoy");
    /// assert_eq!(command.as_std().get_program(), "echo");
    /// assert_eq!(command.as_std().get_args().collect::<Vec<_>>(), ["ahoy"]);
    /// ```
    pub fn as_std(&self) -> &process::Command {
        &self.std
    }

    /// For what the standard library has and this type has not, as its `pre_exec`. Streams that are chosen
    /// there are not known of here: [`status`](Self::status), [`output`](Self::output) and their like set
    /// them anew, for good.
    ///
    /// ```
    /// use std::os::unix::process::CommandExt;
    /// use vigie::process::Command;
    ///
    /// vigie::run(async {
    ///     let mut command = Command::new("true");
    ///     // SAFETY: after the fork it only makes an error of a number, which is allowed there.
    ///     unsafe { command.as_std_mut().pre_exec(|| Err(std::io::Error::from_raw_os_error(5))) };
    ///     assert_eq!(command.status().await.unwrap_err().raw_os_error(), Some(5));
    /// }).unwrap();
    /// ```
    pub fn as_std_mut(&mut self) -> &mut process::Command {
        &mut self.std
    }
}

impl From<process::Command> for Command {
    fn from(std: process::Command) -> Self {
        Self { std, chosen: [false; 3], kill_on_drop: false }
    }
}
