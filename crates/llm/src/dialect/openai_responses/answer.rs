use super::{
    object::{Item, Piece, Response},
    stop,
    usage::Wire,
};
use crate::{
    InvalidAnswer, Lax, Stop, Usage,
    cross::{Block, IdRule, Reply, ToolCall},
    dialect::openai_chat::now,
    request::Str,
};
use bytes::Bytes;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow, default)]
    status: Lax<'a>,
    #[serde(borrow)]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow)]
    output: Vec<Said<'a>>,
    #[serde(default, deserialize_with = "crate::lax::maybe")]
    usage: Option<Wire>,
}

#[derive(Default, Deserialize)]
pub(super) struct Incomplete<'a> {
    #[serde(borrow, default)]
    pub(super) reason: Lax<'a>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
    #[serde(borrow, default)]
    call_id: Lax<'a>,
    #[serde(borrow, default)]
    name: Lax<'a>,
    #[serde(borrow, default)]
    arguments: Lax<'a>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow, default)]
    text: Lax<'a>,
    #[serde(borrow, default)]
    refusal: Lax<'a>,
}

pub(crate) fn decode_answer(body: &[u8]) -> Result<Reply<'_>, InvalidAnswer> {
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let mut reply = Reply {
        id: answer.id.0.unwrap_or_default(),
        model: answer.model.0.unwrap_or_default(),
        usage: answer.usage.map_or_else(Usage::default, Into::into),
        ..Reply::default()
    };
    for said in answer.output {
        said.decode(&mut reply);
    }
    let calls = reply
        .content
        .iter()
        .any(|block| block.tool_call().is_some());
    let details = answer.incomplete_details.unwrap_or_default();
    reply.finish = stop::finish(
        // Servers that are not quite compatible leave it out.
        answer.status.0.as_deref().unwrap_or("completed"),
        details.reason.as_str(),
        calls,
        reply.refusal.is_some(),
    );
    Ok(reply)
}

impl<'a> Said<'a> {
    fn decode(self, reply: &mut Reply<'a>) {
        match &*self.kind.0 {
            "message" => {
                for part in self.content.into_iter().flatten() {
                    part.decode(reply);
                }
            }
            "function_call" => reply.content.push(Block::ToolCall(ToolCall {
                id: self.call_id.0.unwrap_or_default(),
                name: self.name.0.unwrap_or_default(),
                arguments: self.arguments.0.unwrap_or_default(),
            })),
            "reasoning" => reply.note("dropped thinking"),
            _ => reply.note("dropped what the provider's own tools did"),
        }
    }
}

impl<'a> Part<'a> {
    fn decode(self, reply: &mut Reply<'a>) {
        match &*self.kind.0 {
            "output_text" => {
                let text = self.text.0.filter(|text| !text.is_empty());
                reply.content.extend(text.map(Block::Text));
            }
            "refusal" => {
                let refusal = self.refusal.0.filter(|text| !text.is_empty());
                let said = reply.refusal.take();
                reply.refusal = match (said, refusal) {
                    (Some(said), Some(more)) => Some(said + more),
                    (said, more) => said.or(more),
                };
            }
            _ => {}
        }
    }
}

pub(crate) fn encode_answer(reply: &Reply<'_>) -> Bytes {
    let refusal = reply.refusal.as_deref();
    let stop = reply
        .finish
        .as_ref()
        .map_or(Stop::Stop, |finish| finish.stop);
    let status = stop::status(stop, refusal.is_some());
    let mut answer = Response::new(&reply.id, &reply.model, now(), status);
    let ids = Ids::of(&reply.id);
    let item = item_status(status.0);
    if let Some(refusal) = refusal {
        let content = vec![Piece::Refusal { refusal }];
        answer
            .output
            .push(Item::message(ids.message(0), item, content));
    }
    for run in reply
        .content
        .chunk_by(|one, next| one.text().is_some() && next.text().is_some())
    {
        let at = answer.output.len();
        if let [Block::ToolCall(call)] = run {
            answer.output.push(Item::FunctionCall {
                id: ids.call(at).into(),
                status: item,
                call_id: &call.id,
                name: &call.name,
                arguments: arguments(&call.arguments),
            });
            continue;
        }
        // No model answers with what is neither.
        let content: Vec<_> = run
            .iter()
            .filter_map(Block::text)
            .map(Piece::text)
            .collect();
        if !content.is_empty() {
            let message = Item::message(ids.message(at), item, content);
            answer.output.push(message);
        }
    }
    answer.usage = (!reply.usage.is_empty()).then(|| reply.usage.into());
    let answer = serde_json::to_vec(&answer).expect("strings and numbers can be written");
    answer.into()
}

/// The status of the items of a response that has this one.
pub(super) fn item_status(status: &'static str) -> &'static str {
    match status {
        "completed" => status,
        _ => "incomplete",
    }
}

/// They have to be JSON.
pub(super) const fn arguments(arguments: &str) -> &str {
    match arguments.len() {
        0 => "{}",
        _ => arguments,
    }
}

/// The ids of the items of an answer, which are sent back with them: in the form that OpenAI
/// demands then, and none like those of another answer.
#[derive(Debug)]
pub(super) struct Ids(String);

impl Ids {
    /// For the answer with this id.
    pub(super) fn of(answer: &str) -> Self {
        Self(IdRule::Word(48).fit(answer).into_owned())
    }

    pub(super) fn message(&self, at: usize) -> String {
        format!("msg_{}_{at}", self.0)
    }

    pub(super) fn call(&self, at: usize) -> String {
        format!("fc_{}_{at}", self.0)
    }
}
