use std::{future::Future, pin::Pin};

/// What a right answer is, and how a wrong one is asked about.
///
/// It is all that a [`Correct`](crate::Correct) knows of its requests and answers.
pub trait Policy<Req, Res, E> {
    /// What is kept of one request while its answers are checked. What adds up over all of them,
    /// such as what they cost, is kept here too.
    type Case;

    /// What was wrong with an answer, with as much of that answer as the caller is to have of it
    /// should all of them be wrong.
    type Wrong;

    /// Looks at a request before it is sent. `None` is: whatever comes of it is passed on, and its
    /// call costs nothing here.
    ///
    /// # Errors
    /// No answer could be checked. Nothing is sent then.
    fn open(&self, request: &Req) -> Result<Option<Self::Case>, E>;

    /// Looks at an answer, reading as much of it as is needed.
    ///
    /// # Errors
    /// It could not be read. That is the end of the call.
    ///
    /// # Cancellation
    /// It may be dropped at any time, and the answer with it.
    fn check(
        &self,
        case: &mut Self::Case,
        response: Res,
    ) -> impl Future<Output = Result<Found<Res, Self::Wrong>, E>> + Send;

    /// The request that asks for a correction of this answer.
    ///
    /// It is made of the request as it was: only the last wrong answer is in it, so that the
    /// second correction is asked no longer a question than the first.
    ///
    /// # Errors
    /// There is none, for this reason, in stable words that hold nothing of the request.
    fn correction(&self, case: &Self::Case, wrong: &Self::Wrong) -> Result<Req, &'static str>;

    /// How often a correction of this may be asked for; `None` is as often as the layer allows,
    /// which is the most in any case.
    fn corrections(&self, case: &Self::Case) -> Option<u32> {
        let _ = case;
        None
    }

    /// One more call, made after all corrections were wrong: of a stronger service, say.
    /// What it answers is checked as well, and not corrected \[none\].
    fn last_resort(&self, case: &Self::Case, wrong: &Self::Wrong) -> Option<LastResort<Res, E>> {
        let _ = (case, wrong);
        None
    }
}

/// A call under way that stands behind the corrections.
pub type LastResort<Res, E> = Pin<Box<dyn Future<Output = Result<Res, E>> + Send>>;

/// What was found in an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Found<Res, W> {
    /// It is as it should be.
    Right(Res),
    /// It is so now: it could be repaired without asking anybody, for example.
    Noted {
        /// What it is now.
        response: Res,
        /// What was done to it, or has to be said of it, in stable words that hold nothing of it.
        notes: Vec<&'static str>,
    },
    /// It is wrong, in this way.
    Wrong(W),
}
