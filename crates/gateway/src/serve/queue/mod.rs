//! What becomes of requests that nobody could answer: they are queued, their callers are told so,
//! and can ask for what came of them.

mod degraded;
mod lookup;
mod wait;

pub(super) use self::{
    degraded::answer,
    lookup::{forget, show},
};
