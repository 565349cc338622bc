use super::{Block, Finish, Stop};
use crate::{Usage, dialect::JSON_TOOL};
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
    /// What was left out when it was read.
    pub(crate) notes: Vec<&'static str>,
}

impl Reply<'_> {
    /// Notes something once.
    pub(crate) fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Makes the call of the tool by which JSON was asked for the text of the answer.
    pub(crate) fn take_json(&mut self) {
        let json = self.content.iter().find_map(|block| {
            let call = block.tool_call()?;
            (call.name == JSON_TOOL).then(|| call.arguments.clone())
        });
        let Some(json) = json else { return };
        self.content = vec![Block::Text(json)];
        if let Some(finish) = &mut self.finish
            && finish.stop == Stop::ToolCalls
        {
            finish.stop = Stop::Stop;
        }
    }
}
