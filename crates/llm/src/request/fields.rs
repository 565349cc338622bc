use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Range};

/// The fields of a JSON object in their order, with values not yet looked into.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fill;
        impl<'de> Visitor<'de> for Fill {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some((Str(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Fill)
    }
}

/// A name that is borrowed unless it has escapes.
#[derive(Deserialize)]
pub(crate) struct Str<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Those of a list that can be read as this, or the one object in its stead.
pub(crate) fn readable<'a, T: Deserialize<'a>>(list: &'a str) -> Vec<T> {
    let read = |one: &'a str| serde_json::from_str(one).ok();
    match serde_json::from_str::<Vec<&'a RawValue>>(list) {
        Ok(list) => list.into_iter().filter_map(|one| read(one.get())).collect(),
        Err(_) => read(list).into_iter().collect(),
    }
}

/// Where `part`, which must be a piece of `text`, stands in it.
pub(crate) fn range_of(part: &str, text: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// Looks through a value without keeping any of it.
pub(crate) struct Skim<'a> {
    /// Set when there is an image among the parts of a message.
    images: &'a mut bool,
    place: Place,
}

/// What the value being looked through may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A message, a part of one, or a list of them.
    Message,
    /// The `type` of a part.
    Type,
    /// The `mimeType` of a file.
    MediaType,
    /// Anything at all, such as the arguments of a tool call.
    Other,
}

impl<'a> Skim<'a> {
    pub(crate) const fn new(images: &'a mut bool, place: Place) -> Self {
        Self { images, place }
    }

    fn down(&mut self, place: Place) -> Skim<'_> {
        Skim {
            images: self.images,
            place,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Skim<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.place {
            // Nothing in it is asked for: twice as fast as to be told of each value.
            Place::Other => IgnoredAny::deserialize(deserializer).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Skim<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.images |= match self.place {
            Place::Type => matches!(text, "image" | "image_url" | "input_image"),
            Place::MediaType => text.starts_with("image/"),
            Place::Message | Place::Other => false,
        };
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let place = self.place;
        while seq.next_element_seed(self.down(place))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            let place = match (self.place, key) {
                (Place::Message, Key::Type) => Place::Type,
                (Place::Message, Key::MediaType) => Place::MediaType,
                (Place::Message, Key::Other) => Place::Message,
                (Place::Message, Key::Input)
                | (Place::Type | Place::MediaType | Place::Other, _) => Place::Other,
            };
            map.next_value_seed(self.down(place))?;
        }
        Ok(())
    }
}

/// Counts the elements of an array, looked through as [`Skim`] does.
pub(crate) struct Count<'a>(pub(crate) Skim<'a>);

/// What [`Count`] found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Elements(usize),
    Null,
    Object,
    Text,
    NoArray,
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = Counted;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Counted, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// It takes whatever comes: a deserializer's own complaint of it would quote a text.
impl<'de> Visitor<'de> for Count<'_> {
    type Value = Counted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Counted, E> {
        Ok(Counted::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Counted, E> {
        Ok(Counted::NoArray)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Counted, E> {
        Ok(Counted::NoArray)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Counted, E> {
        Ok(Counted::NoArray)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Counted, E> {
        Ok(Counted::NoArray)
    }

    fn visit_str<E>(self, _: &str) -> Result<Counted, E> {
        Ok(Counted::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Counted, A::Error> {
        let mut count = 0;
        let place = self.0.place;
        while seq.next_element_seed(self.0.down(place))?.is_some() {
            count += 1;
        }
        Ok(Counted::Elements(count))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Counted, A::Error> {
        self.0.visit_map(map)?;
        Ok(Counted::Object)
    }
}

/// What a key means to [`Skim`].
enum Key {
    Type,
    MediaType,
    /// The arguments of a tool call, and what comes of it, may look like anything.
    Input,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "type" => Key::Type,
                    "mimeType" | "mime_type" => Key::MediaType,
                    "input" | "args" | "response" => Key::Input,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_str(Read)
    }
}
