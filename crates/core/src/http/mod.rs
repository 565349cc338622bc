//! Plain HTTP: the classifier, and bodies whose end is watched.

mod at_end;
mod carry;
mod retry_after;
mod status;

pub use self::{
    at_end::{AtEnd, ClassifyEnd, Watched},
    retry_after::{date, list, retry_after, seconds},
    status::HttpStatus,
};
