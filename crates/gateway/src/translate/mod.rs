//! `buttress translate`: a request, an answer, an event, an error of one dialect in another.
//!
//! It asks the code that carries calls over in the gateway. What is only a part of a request or an
//! answer is put into a whole one, translated, and taken out again; where each part stands is all
//! that is known of a dialect here, see `shape`.

mod answer;
mod converse;
mod error;
mod events;
mod request;
mod shape;
mod side;

#[cfg(test)]
mod tests;

pub use self::side::{InvalidSide, Side};

use self::{events::Events, side::Speaks};
use crate::cli::{TranslateArgs, TranslateKind};
use serde_json::{Deserializer, Value, json};
use std::io::{self, Read, Write};

/// All of it was translated.
pub const TRANSLATED: u8 = 0;

/// Some of it can't be.
pub const REFUSED: u8 = 1;

/// The command line asks for something that there is not.
pub const WRONG: u8 = 2;

/// The most that is read.
const MAX: u64 = 64 << 20;

/// Translates what comes in on the standard input. The number is what the program is to end with.
///
/// # Errors
/// When `out` or `err` can't be written to.
pub fn run(args: &TranslateArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    translate(args, &mut io::stdin().lock(), out, err)
}

/// Translates what can be read from `input`, see [`run`].
///
/// # Errors
/// When `out` or `err` can't be written to.
pub fn translate(
    args: &TranslateArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let mut translation = match Translation::new(args) {
        Ok(translation) => translation,
        Err(why) => {
            writeln!(err, "buttress: {why}")?;
            return Ok(WRONG);
        }
    };
    let mut code = TRANSLATED;
    let mut print = |translated: Result<Translated, String>| {
        let (line, notes) = match translated {
            Ok(Translated { output, notes }) if args.notes => {
                (json!({"output": output, "notes": notes}), Vec::new())
            }
            Ok(Translated { output, notes }) => (output, notes),
            Err(why) => {
                code = REFUSED;
                (json!({ "error": why }), Vec::new())
            }
        };
        for note in notes {
            writeln!(err, "buttress: note: {note}")?;
        }
        writeln!(out, "{line}")
    };

    let mut text = Vec::new();
    if let Err(error) = input.take(MAX + 1).read_to_end(&mut text) {
        print(Err(format!("the standard input can't be read: {error}")))?;
    } else if text.len() as u64 > MAX {
        print(Err("the input is larger than 64 MiB".to_owned()))?;
    } else {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
        let mut documents = Deserializer::from_slice(text)
            .into_iter::<Value>()
            .peekable();
        if documents.peek().is_none() {
            let why = "there is nothing to translate: the input is empty";
            print(Err(why.to_owned()))?;
        }
        // What comes behind something that is not JSON can't be told apart from it.
        while let Some(document) = documents.next() {
            let last = documents.peek().is_none();
            print(match document {
                Ok(document) => translation.one(document, last),
                Err(error) => Err(format!("the input is not JSON: {error}")),
            })?;
        }
    }
    Ok(code)
}

/// What came of it, and what was dropped or changed on the way.
#[derive(Debug, Default)]
struct Translated {
    output: Value,
    notes: Vec<&'static str>,
}

impl From<Value> for Translated {
    fn from(output: Value) -> Self {
        let notes = Vec::new();
        Self { output, notes }
    }
}

/// What is translated into what.
enum Translation {
    Request(request::Sides),
    Response(answer::Sides),
    StopReason(answer::Sides),
    ConverseStopReason(answer::Sides),
    Usage(answer::Sides, request::Sides),
    Stream(Box<Events>),
    Error(error::Sides),
}

impl Translation {
    fn new(args: &TranslateArgs) -> Result<Self, String> {
        let to = match args.to.speaks() {
            Speaks::Dialect(to) => to,
            Speaks::Converse => return Err(converse::ONLY.to_owned()),
        };
        let from = match (args.from.speaks(), args.kind) {
            (Speaks::Dialect(from), _) => from,
            (Speaks::Converse, TranslateKind::StopReason) => {
                let sides = answer::Sides::new(converse::AS, to)?;
                return Ok(Self::ConverseStopReason(sides));
            }
            (Speaks::Converse, _) => return Err(converse::ONLY.to_owned()),
        };
        let request = || request::Sides::new(from, to, args.model.as_deref());
        Ok(match args.kind {
            TranslateKind::Request => Self::Request(request()?),
            TranslateKind::Response => Self::Response(answer::Sides::new(from, to)?),
            TranslateKind::StopReason => Self::StopReason(answer::Sides::new(from, to)?),
            TranslateKind::Usage => Self::Usage(answer::Sides::new(from, to)?, request()?),
            TranslateKind::Stream => Self::Stream(Box::new(Events::new(from, to)?)),
            TranslateKind::Error => Self::Error(error::Sides::new(from, to)),
        })
    }

    /// Translates one document, which may be the last one.
    fn one(&mut self, input: Value, last: bool) -> Result<Translated, String> {
        match self {
            Self::Request(sides) => sides.translate(input),
            Self::Response(sides) => sides.response(input),
            Self::StopReason(sides) => sides.stop_reason(&input),
            Self::ConverseStopReason(sides) => {
                sides.stop_reason(&converse::in_other_words(&input)?)
            }
            // What has to be asked for so that there is any.
            Self::Usage(_, sides) if input.get("stream").is_some() => sides.with_usage(input),
            Self::Usage(sides, _) => sides.usage(input),
            Self::Stream(events) => events.translate(&input, last),
            Self::Error(sides) => sides.translate(&input),
        }
    }
}
