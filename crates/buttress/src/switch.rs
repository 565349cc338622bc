use buttress_core::{Judge, Witness};
use buttress_retry_after::{Hint, PaceHint};

/// A judge that can be switched off: then nobody hears of any call, as if all had been abandoned.
/// Or what tells the pace of calls, which tells nothing then.
///
/// So a layer that keeps score is there and does nothing, which keeps its type.
#[derive(Clone, Copy, Debug)]
pub struct Switch<J> {
    inner: J,
    on: bool,
}

impl<J> Switch<J> {
    /// It judges, or tells.
    #[must_use]
    pub const fn on(inner: J) -> Self {
        Self { inner, on: true }
    }

    /// It does not.
    #[must_use]
    pub const fn off(inner: J) -> Self {
        Self { inner, on: false }
    }
}

impl<T, E, J> Judge<T, E> for Switch<J>
where
    J: Judge<T, E>,
{
    type Response<W: Witness> = J::Response<Option<W>>;

    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<Self::Response<W>, E> {
        self.inner.judge(result, self.on.then_some(witness))
    }
}

impl<T, E, P> PaceHint<T, E> for Switch<P>
where
    P: PaceHint<T, E>,
{
    fn hint(&self, outcome: Result<&T, &E>) -> Hint {
        match self.on {
            true => self.inner.hint(outcome),
            false => Hint::NONE,
        }
    }
}
