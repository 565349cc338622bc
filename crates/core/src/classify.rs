use crate::{AsFailure, Failure};

/// Turns the outcome of one attempt into a verdict.
///
/// It sees what the inner service gave, by reference, and says either that this was a success or
/// what kind of [`Failure`] it was. Closures of the matching shape are classifiers:
///
/// ```
/// use buttress_core::{classify_fn, Classify, Failure};
///
/// let odd_is_bad = classify_fn(|outcome: Result<&u64, &std::io::Error>| match outcome {
///     Ok(n) if n % 2 == 0 => Ok(()),
///     _ => Err(Failure::SERVICE),
/// });
/// assert!(odd_is_bad.classify(Ok(&2)).is_ok());
/// assert!(odd_is_bad.classify(Ok(&3)).is_err());
/// ```
///
/// [`ByError`] takes every response for a success and asks the error;
/// [`HttpStatus`](crate::http::HttpStatus) and [`GrpcStatus`](crate::grpc::GrpcStatus) read
/// responses.
pub trait Classify<T, E> {
    /// The verdict on this outcome: `Ok` for a success.
    ///
    /// # Errors
    /// The failure, when the outcome was one, even when it came as an `Ok` response.
    fn classify(&self, outcome: Result<&T, &E>) -> Result<(), Failure>;
}

/// Every response is a success; an error knows its own verdict.
///
/// For services whose error type tells failures apart, such as the LLM client.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ByError;

impl ByError {
    /// A classifier that asks the error.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<T, E: AsFailure> Classify<T, E> for ByError {
    fn classify(&self, outcome: Result<&T, &E>) -> Result<(), Failure> {
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => Err(error.as_failure()),
        }
    }
}

/// A classifier made of a closure, see [`classify_fn`].
#[derive(Clone, Copy)]
pub struct ClassifyFn<F>(F);

/// Makes a classifier of a closure.
pub const fn classify_fn<T, E, F>(f: F) -> ClassifyFn<F>
where
    F: Fn(Result<&T, &E>) -> Result<(), Failure>,
{
    ClassifyFn(f)
}

impl<T, E, F> Classify<T, E> for ClassifyFn<F>
where
    F: Fn(Result<&T, &E>) -> Result<(), Failure>,
{
    fn classify(&self, outcome: Result<&T, &E>) -> Result<(), Failure> {
        (self.0)(outcome)
    }
}

impl<F> std::fmt::Debug for ClassifyFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClassifyFn")
    }
}
