use super::{
    InvalidRequest,
    fields::{Count, Counted, Fields, Place, Skim, Str, range_of},
};
use crate::Dialect;
use memchr::memmem;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};
use std::{fmt, ops::Range, sync::Arc};

/// What routing needs to know of a request, and where in its bytes the fields stand that may
/// have to be changed.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) model: Arc<str>,
    /// Nothing where the model does not stand in the body.
    pub(crate) model_at: Option<Range<usize>>,
    pub(crate) stream: bool,
    /// Each field that limits the answer's tokens, in the order in which they count.
    pub(crate) limits: [Option<Limit>; 2],
    pub(crate) stream_options: Option<StreamOptions>,
    pub(crate) generation: Option<Generation>,
    /// The field that says how the answer should be formed.
    pub(crate) format_at: Option<Range<usize>>,
    pub(crate) messages: usize,
    pub(crate) tools: bool,
    pub(crate) images: bool,
    pub(crate) json_schema: bool,
    /// The answer has to be JSON of any form.
    pub(crate) json: bool,
}

/// A field that limits the answer's tokens.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// None for a field that is there and says nothing.
    pub(crate) tokens: Option<u64>,
    pub(crate) at: Range<usize>,
}

/// The `stream_options` of a request.
#[derive(Clone, Debug)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: bool,
    /// The whole value.
    pub(crate) at: Range<usize>,
    /// The value of its `include_usage`.
    pub(crate) include_usage_at: Option<Range<usize>>,
    /// An object with something in it.
    pub(crate) has_fields: bool,
}

/// The object of a request in which all settings stand: Gemini's `generationConfig`.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    /// The whole value.
    pub(crate) at: Range<usize>,
    /// An object with something in it.
    pub(crate) has_fields: bool,
}

/// What the address of a request says, where that is not in the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
}

/// What a field at the top of a request is to the index; each dialect has its own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Model,
    Stream,
    StreamOptions,
    /// The limit that counts.
    MaxTokens,
    /// The limit that counts where there is none of the former.
    MaxTokensLegacy,
    Messages,
    Tools,
    /// How the answer should be formed.
    Format,
    /// An object that holds the limit and the format among others.
    Generation,
    Other,
}

impl Field {
    /// Which of the limits it is.
    pub(crate) fn slot(self) -> usize {
        usize::from(self == Self::MaxTokensLegacy)
    }
}

impl Index {
    /// How many tokens the answer may have, where the request says so.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        self.limits.iter().flatten().find_map(|limit| limit.tokens)
    }

    /// Reads the object of all settings.
    fn generation(
        &mut self,
        name: &str,
        value: &str,
        at: Range<usize>,
    ) -> Result<(), InvalidRequest> {
        let fields: Option<Fields<'_>> = typed(name, value, "must be an object")?;
        let fields = fields.map_or_else(Vec::new, |Fields(fields)| fields);
        self.generation = Some(Generation {
            has_fields: !fields.is_empty(),
            at: at.clone(),
        });
        for (field, setting) in fields {
            match &*field {
                "maxOutputTokens" | "max_output_tokens" => {
                    let field = format!("{name}.{field}");
                    let setting = setting.get();
                    let tokens = typed(&field, setting, "must be a whole number")?;
                    let inner = range_of(setting, value);
                    let at = at.start + inner.start..at.start + inner.end;
                    let limit = &mut self.limits[Field::MaxTokens.slot()];
                    if limit.replace(Limit { tokens, at }).is_some() {
                        return Err(InvalidRequest::Repeated { field });
                    }
                }
                "responseSchema"
                | "response_schema"
                | "responseJsonSchema"
                | "response_json_schema"
                | "_responseJsonSchema" => {
                    self.json_schema |= setting.get() != "null";
                }
                "responseMimeType" | "response_mime_type" => {
                    self.json |= !["null", "\"text/plain\""].contains(&setting.get());
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn read(
        dialect: Dialect,
        text: &str,
        address: Option<Address<'_>>,
    ) -> Result<Self, InvalidRequest> {
        let mut fault = None;
        let read = Read {
            dialect,
            text,
            address,
            fault: &mut fault,
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let index = read
            .deserialize(&mut deserializer)
            .and_then(|index| deserializer.end().map(|()| index));
        match index {
            Ok(index) => Ok(index),
            Err(error) => Err(fault
                .or_else(|| not_an_object(text, &error))
                .unwrap_or_else(|| not_json(&error))),
        }
    }
}

/// What the JSON is instead of an object, told by how it begins.
fn not_an_object(text: &str, error: &serde_json::Error) -> Option<InvalidRequest> {
    if error.classify() != Category::Data {
        return None;
    }
    let found = match text.trim_start().bytes().next()? {
        b'[' => "an array",
        b'"' => "a string",
        b't' | b'f' => "a truth value",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => return None,
    };
    Some(InvalidRequest::NotAnObject { found })
}

pub(crate) fn not_json(error: &serde_json::Error) -> InvalidRequest {
    let problem = error.to_string();
    if problem.starts_with("recursion limit exceeded") {
        return InvalidRequest::TooDeep;
    }
    let problem = match error.classify() {
        // It quotes what it found, which may be the whole conversation within one string.
        Category::Data => {
            let (line, column) = (error.line(), error.column());
            format!("something else ends at line {line} column {column}")
        }
        _ => problem,
    };
    InvalidRequest::Json { problem }
}

struct Read<'de, 'a> {
    dialect: Dialect,
    text: &'de str,
    address: Option<Address<'a>>,
    /// What is wrong, in better words than a deserializer's error has.
    fault: &'a mut Option<InvalidRequest>,
}

impl<'de> DeserializeSeed<'de> for Read<'de, '_> {
    type Value = Index;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Index, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Read<'de, '_> {
    type Value = Index;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Index, A::Error> {
        let mut index = Index::default();
        let mut seen = [false; Field::Other as usize];
        while let Some(Str(name)) = map.next_key()? {
            let field = self.dialect.field(&name);
            if let Some(seen) = seen.get_mut(field as usize)
                && std::mem::replace(seen, true)
            {
                let field = name.into_owned();
                *self.fault = Some(InvalidRequest::Repeated { field });
                return Err(A::Error::custom("repeated"));
            }
            if let Err(fault) = self.field(&mut index, field, &name, &mut map)? {
                *self.fault = Some(fault);
                return Err(A::Error::custom("invalid"));
            }
        }
        if let Some(address) = self.address {
            index.model = address.model.into();
            index.stream = address.stream;
            seen[Field::Model as usize] = true;
        }
        let messages = self.dialect.messages_field();
        let missing = [(Field::Model, "model"), (Field::Messages, messages)];
        for (field, name) in missing {
            // What a response goes on from may say it all.
            let needed = field == Field::Model || !self.dialect.takes_text();
            // No provider has a model of no name, and in an address it would be another address.
            let named = field != Field::Model || !index.model.is_empty();
            if needed && !(seen[field as usize] && named) {
                *self.fault = Some(InvalidRequest::Missing { field: name });
                return Err(A::Error::custom("missing"));
            }
        }
        Ok(index)
    }
}

impl<'de> Read<'de, '_> {
    /// Takes one field in. The outer error is one of syntax, the inner one of what it says.
    fn field<A: MapAccess<'de>>(
        &self,
        index: &mut Index,
        field: Field,
        name: &str,
        map: &mut A,
    ) -> Result<Result<(), InvalidRequest>, A::Error> {
        let mut images = false;
        let images = &mut images;
        match field {
            Field::Messages => {
                // Most have none, and need not be looked into.
                let place = match memmem::find(self.text.as_bytes(), b"image") {
                    Some(_) => Place::Message,
                    None => Place::Other,
                };
                let messages = map.next_value_seed(Count(Skim::new(images, place)))?;
                index.messages = match messages {
                    Counted::Elements(messages) => messages,
                    Counted::Object if self.dialect.takes_one_for_many() => 1,
                    // One question, without anything around it.
                    Counted::Text if self.dialect.takes_text() => 1,
                    Counted::Null if self.dialect.takes_text() => 0,
                    _ => {
                        let problem = match self.dialect.takes_text() {
                            true => "must be a string or an array",
                            false => "must be an array",
                        };
                        return Ok(Err(InvalidRequest::of_field(name, problem)));
                    }
                };
                index.images = *images;
                return Ok(Ok(()));
            }
            Field::Tools => {
                return Ok(
                    match map.next_value_seed(Count(Skim::new(images, Place::Other)))? {
                        Counted::Elements(tools) => {
                            index.tools |= tools > 0;
                            Ok(())
                        }
                        Counted::Null => Ok(()),
                        Counted::Object if self.dialect.takes_one_for_many() => {
                            index.tools = true;
                            Ok(())
                        }
                        Counted::Object | Counted::Text | Counted::NoArray => {
                            Err(InvalidRequest::of_field(name, "must be an array"))
                        }
                    },
                );
            }
            Field::Other => return map.next_value_seed(Skim::new(images, Place::Other)).map(Ok),
            Field::Model
            | Field::Stream
            | Field::StreamOptions
            | Field::MaxTokens
            | Field::MaxTokensLegacy
            | Field::Format
            | Field::Generation => {}
        }
        let value: &'de RawValue = map.next_value()?;
        let at = range_of(value.get(), self.text);
        let value = value.get();
        Ok(match field {
            Field::Model => typed(name, value, "must be a string").map(|Str(model)| {
                index.model = model.into();
                index.model_at = Some(at);
            }),
            Field::Stream => typed(name, value, "must be true or false")
                .map(|stream: Option<bool>| index.stream = stream.unwrap_or(false)),
            Field::MaxTokens | Field::MaxTokensLegacy => {
                let limit = typed(name, value, "must be a whole number");
                limit.map(|tokens: Option<u64>| {
                    index.limits[field.slot()] = Some(Limit { tokens, at });
                })
            }
            Field::StreamOptions => StreamOptions::read(name, value, at)
                .map(|options| index.stream_options = Some(options)),
            Field::Format => {
                index.json_schema |= asks_for("json_schema", value);
                index.json |= asks_for("json_object", value);
                index.format_at = Some(at);
                Ok(())
            }
            Field::Generation => index.generation(name, value, at),
            Field::Messages | Field::Tools | Field::Other => Ok(()),
        })
    }
}

impl StreamOptions {
    fn read(name: &str, value: &str, at: Range<usize>) -> Result<Self, InvalidRequest> {
        let fields: Option<Fields<'_>> = typed(name, value, "must be an object")?;
        let fields = fields.map_or_else(Vec::new, |Fields(fields)| fields);
        let mut asked = fields.iter().filter(|(name, _)| name == "include_usage");
        let include_usage = asked.next().map(|(_, value)| value.get());
        if asked.next().is_some() {
            let field = format!("{name}.include_usage");
            return Err(InvalidRequest::Repeated { field });
        }
        Ok(Self {
            include_usage: include_usage == Some("true"),
            include_usage_at: include_usage.map(|include| {
                let inner = range_of(include, value);
                at.start + inner.start..at.start + inner.end
            }),
            has_fields: !fields.is_empty(),
            at,
        })
    }
}

/// Reads one field's value.
pub(crate) fn typed<'a, T: Deserialize<'a>>(
    name: &str,
    value: &'a str,
    problem: &str,
) -> Result<T, InvalidRequest> {
    serde_json::from_str(value).map_err(|_| InvalidRequest::of_field(name, problem))
}

/// `response_format` and `text` of OpenAI, `output_config` of Anthropic.
fn asks_for(format: &str, value: &str) -> bool {
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Str<'a>>,
        #[serde(borrow)]
        format: Option<Inner<'a>>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Str<'a>>,
    }
    let is_it = |kind: Option<Str<'_>>| kind.is_some_and(|Str(kind)| kind == format);
    serde_json::from_str(value).is_ok_and(|format: Option<Format<'_>>| {
        format.is_some_and(|format| {
            is_it(format.kind) || format.format.is_some_and(|inner| is_it(inner.kind))
        })
    })
}
