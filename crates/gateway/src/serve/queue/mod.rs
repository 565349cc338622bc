//! What becomes of requests that nobody could answer: they are queued, their callers are told so,
//! and can ask for what came of them.

mod degraded;
mod lookup;
mod wait;
mod wanted;
mod webhook;
mod work;

pub(super) use self::{
    degraded::answer,
    lookup::{forget, show},
    wanted::{Policy, wanted},
    webhook::Webhook,
    work::Working,
};
