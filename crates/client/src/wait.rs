use buttress_llm::LlmError;
use buttress_timeout::Stopwatch;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Waits for a future as long as the phase that the call is in allows.
pub(crate) async fn within<F: Future>(
    watch: &mut Stopwatch,
    future: F,
) -> Result<F::Output, LlmError> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        watch.poll_elapsed(cx).map(|elapsed| Err(elapsed.into()))
    })
    .await
}
