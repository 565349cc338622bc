use redis::{Cmd, ToRedisArgs, cmd};

/// What a server runs in one step.
///
/// It is sent by its hash, and whole only to a server that does not know it: a new one, or one
/// whose scripts were flushed.
#[derive(Clone, Debug)]
pub struct Script(redis::Script);

impl Script {
    /// These pieces, one after the other.
    #[must_use]
    pub fn new(pieces: &[&str]) -> Self {
        Self(redis::Script::new(&pieces.concat()))
    }

    /// A call with these keys, to be given arguments.
    pub fn call(&self, keys: &[&str]) -> Call<'_> {
        let mut command = cmd("EVALSHA");
        command.arg(self.0.get_hash()).arg(keys.len()).arg(keys);
        Call {
            script: &self.0,
            command,
        }
    }
}

/// A script with what it is given, to be run by a [`Server`](super::Server).
#[derive(Debug)]
#[must_use]
pub struct Call<'a> {
    pub(super) script: &'a redis::Script,
    pub(super) command: Cmd,
}

impl Call<'_> {
    /// Adds an argument, or several.
    pub fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        self.command.arg(arg);
        self
    }
}
