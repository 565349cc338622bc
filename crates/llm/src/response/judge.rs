use super::{AnswerBody, LlmResponse};
use buttress_core::{AsFailure, Judge, Witness};

/// Judges an LLM call when its answer has ended: a whole one at once, a stream at its end.
///
/// An answer that is complete by its protocol is a success, also one that was cut off at a limit
/// or refuses: the service did what it was asked. A stream that breaks off is a failure of the
/// service, however much of it came.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AtStreamEnd;

impl AtStreamEnd {
    /// Judges at the end.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<E: AsFailure> Judge<LlmResponse, E> for AtStreamEnd {
    type Response<W: Witness> = LlmResponse;

    fn judge<W: Witness>(
        &self,
        result: Result<LlmResponse, E>,
        witness: W,
    ) -> Result<LlmResponse, E> {
        match result {
            Ok(mut response) => {
                match &mut response.body {
                    AnswerBody::Json(_) => witness.settled_at_once(Ok(())),
                    AnswerBody::Stream(stream) => stream.watch(witness),
                }
                Ok(response)
            }
            Err(error) => {
                witness.settled_at_once(Err(error.as_failure()));
                Err(error)
            }
        }
    }
}
