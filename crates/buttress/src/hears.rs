use buttress_core::{Blame, Class, Failure, Judge, Witness};

/// A judge whose witness hears of the one or the other thing that may be wrong with a key, and of
/// all else as of a call that has nothing to do with it.
///
/// A limit, also one of the day, is mostly one on a model: the next route may well ask the same
/// provider for another one. A key that is refused, or has no money left, is so for all models. So
/// each has a gate of its own, see [`Route::key`](crate::Route::key).
#[derive(Clone, Copy, Debug)]
pub struct Hears<J> {
    inner: J,
    of: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// That the key is limited.
    Limits,
    /// That the key is of no use.
    Keys,
}

impl<J> Hears<J> {
    /// Its witness hears of limits, and not of keys that are of no use.
    #[must_use]
    pub const fn of_limits(inner: J) -> Self {
        let of = Of::Limits;
        Self { inner, of }
    }

    /// Its witness hears of keys that are of no use, and not of limits.
    #[must_use]
    pub const fn of_keys(inner: J) -> Self {
        let of = Of::Keys;
        Self { inner, of }
    }
}

impl<T, E, J: Judge<T, E>> Judge<T, E> for Hears<J> {
    type Response<W: Witness> = J::Response<Heard<W>>;

    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<Self::Response<W>, E> {
        let of = self.of;
        self.inner.judge(result, Heard { witness, of })
    }
}

/// The witness of a [`Hears`].
#[derive(Debug)]
pub struct Heard<W> {
    witness: W,
    of: Of,
}

impl<W: Witness> Witness for Heard<W> {
    fn settled(self, outcome: Result<(), Failure>) {
        // Something that speaks of neither.
        const BESIDE: Failure = Failure::new(Class::Transient, Blame::Request);
        let outcome = outcome.map_err(|failure| match (failure.blame, self.of) {
            (Blame::Key, Of::Limits) | (Blame::Limit, Of::Keys) => BESIDE,
            _ => failure,
        });
        self.witness.settled(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_core::{AtOnce, ByError};
    use std::sync::{Arc, Mutex};

    struct Ear(Arc<Mutex<Vec<Result<(), Failure>>>>);

    impl Witness for Ear {
        fn settled(self, outcome: Result<(), Failure>) {
            self.0.lock().unwrap().push(outcome);
        }
    }

    #[derive(Debug)]
    struct Error(Failure);

    impl buttress_core::AsFailure for Error {
        fn as_failure(&self) -> Failure {
            self.0
        }
    }

    #[test]
    fn each_hears_of_its_own_and_of_all_that_is_no_keys() {
        let limited = Failure::new(Class::Persistent, Blame::Limit);
        let refused = Failure::new(Class::Persistent, Blame::Key);
        let beside = Failure::new(Class::Transient, Blame::Request);
        let judge = AtOnce::new(ByError::new());
        let heard = |hears: Hears<AtOnce<ByError>>| {
            let told = Arc::default();
            for failure in [limited, refused, Failure::SERVICE] {
                let witness = Ear(Arc::clone(&told));
                let result: Result<(), _> = hears.judge(Err(Error(failure)), witness);
                assert_eq!(result.unwrap_err().0, failure, "the error stays as it is");
            }
            let answered: Result<(), Error> = hears.judge(Ok(()), Ear(Arc::clone(&told)));
            answered.unwrap();
            Arc::into_inner(told).unwrap().into_inner().unwrap()
        };
        let service = Err(Failure::SERVICE);
        assert_eq!(
            heard(Hears::of_limits(judge)),
            [Err(limited), Err(beside), service, Ok(())]
        );
        assert_eq!(
            heard(Hears::of_keys(judge)),
            [Err(beside), Err(refused), service, Ok(())]
        );
    }
}
