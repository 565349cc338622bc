//! Schemas of tools: JSON Schema on the one side, on the other Gemini's own, which is a part of
//! OpenAPI's with types in capitals and `nullable`.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use self::{
    read::from_gemini,
    write::{Written, for_gemini},
};
