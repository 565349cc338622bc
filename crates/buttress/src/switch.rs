use buttress_core::{Judge, Witness};

/// A judge that can be switched off: then nobody hears of any call, as if all had been abandoned.
///
/// So a layer that keeps score is there and does nothing, which keeps its type.
#[derive(Clone, Copy, Debug)]
pub struct Switch<J> {
    judge: J,
    on: bool,
}

impl<J> Switch<J> {
    pub(crate) const fn on(judge: J) -> Self {
        Self { judge, on: true }
    }

    pub(crate) const fn off(judge: J) -> Self {
        Self { judge, on: false }
    }
}

impl<T, E, J> Judge<T, E> for Switch<J>
where
    J: Judge<T, E>,
{
    type Response<W: Witness> = J::Response<Option<W>>;

    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<Self::Response<W>, E> {
        self.judge.judge(result, self.on.then_some(witness))
    }
}
