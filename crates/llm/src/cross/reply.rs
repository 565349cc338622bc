use super::{Block, Finish};
use crate::Usage;
use std::borrow::Cow;

/// A whole answer, without the words of any dialect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) model: Cow<'a, str>,
    pub(crate) content: Vec<Block<'a>>,
    /// What the model said in refusing, where that is told apart from content.
    pub(crate) refusal: Option<Cow<'a, str>>,
    pub(crate) finish: Option<Finish>,
    pub(crate) usage: Usage,
}
