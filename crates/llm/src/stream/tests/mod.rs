mod facts;
mod reading;
mod translating;

use super::*;
use crate::Dialect;
use bytes::Bytes;

/// Reads these pieces to their end.
fn read<'a>(
    dialect: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<StreamItem>, Summary) {
    read_by(StreamReader::next_item, dialect, pieces)
}

/// Reads these pieces to their end, item by item in this way.
fn read_by<'a>(
    next: fn(&mut StreamReader) -> Option<StreamItem>,
    dialect: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<StreamItem>, Summary) {
    let mut reader = StreamReader::new(dialect).keep(1 << 20);
    let mut items = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        items.extend(std::iter::from_fn(|| next(&mut reader)));
    }
    reader.close();
    items.extend(std::iter::from_fn(|| next(&mut reader)));
    (items, reader.summary().clone())
}

/// A chunk of OpenAI's with this delta.
fn chunk(delta: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n"
    )
}

/// OpenAI's last chunk but the usage.
fn finish(reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n"
    )
}

const DONE: &str = "data: [DONE]\n\n";
