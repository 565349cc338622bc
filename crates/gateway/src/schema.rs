//! `buttress schema`: every key of the configuration.

use crate::{cli::SchemaArgs, config};
use std::io::{self, Write};

/// Writes what was asked for. The number is what the program is to end with.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(args: &SchemaArgs, out: &mut dyn Write) -> io::Result<u8> {
    let written = match args.markdown {
        true => config::markdown(),
        false => format!("{:#}\n", config::schema()),
    };
    out.write_all(written.as_bytes())?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn written(markdown: bool) -> String {
        let mut out = Vec::new();
        assert_eq!(run(&SchemaArgs { markdown }, &mut out).unwrap(), 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_is_json_or_a_page() {
        let schema: Value = serde_json::from_str(&written(false)).unwrap();
        assert_eq!(
            schema["properties"]["limits"]["properties"]["max_calls"]["default"],
            12
        );
        let page = written(true);
        assert!(page.starts_with("# Every key\n"), "{page}");
        assert!(
            page.contains("\n| `max_calls` | `12` | 1 to 1000 | "),
            "{page}"
        );
    }
}
