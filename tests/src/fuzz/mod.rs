//! What has to hold for any bytes at all: one function for each place where bytes come in that
//! nobody here has chosen. A fuzzer calls them with what it thinks up, see `docs/fuzzing.md`; a
//! test calls them with the facts, with all that was ever found, and with some thousand mutations
//! of these.

mod config;
mod dialects;
mod errors;
mod headers;
mod mutate;
mod seeds;
mod streams;

pub use self::mutate::Mutator;
use std::{fs, io, path::Path};

/// Something that is called with any bytes, and panics if what has to hold does not.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called, and its folders.
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What to begin with: out of the facts.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that its input is made of.
    pub words: &'static [&'static str],
    /// Where the JSON begins that its input is, if it is.
    pub json_at: Option<usize>,
}

/// All of them.
pub const TARGETS: [Target; 5] = [
    Target {
        name: "headers",
        run: headers::run,
        seeds: seeds::headers,
        words: headers::WORDS,
        json_at: None,
    },
    Target {
        name: "streams",
        run: streams::run,
        seeds: seeds::streams,
        words: streams::WORDS,
        json_at: None,
    },
    Target {
        name: "errors",
        run: errors::run,
        seeds: seeds::errors,
        words: errors::WORDS,
        json_at: Some(2),
    },
    Target {
        name: "dialects",
        run: dialects::run,
        seeds: seeds::dialects,
        words: dialects::WORDS,
        json_at: Some(1),
    },
    Target {
        name: "config",
        run: config::run,
        seeds: seeds::config,
        words: config::WORDS,
        json_at: None,
    },
];

/// Calls the target of this name.
///
/// # Panics
/// What has to hold does not, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    (target(name).run)(input);
}

/// All inputs that were ever found to break something.
///
/// # Panics
/// They can't be read.
#[must_use]
pub fn findings(target: Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let files = fs::read_dir(folder.join(target.name));
    // There are none of a target in which nothing was found.
    let files = files.into_iter().flatten();
    let read = |file: io::Result<fs::DirEntry>| fs::read(file?.path());
    files.map(|file| read(file).expect("a finding")).collect()
}

/// The target of this name.
///
/// # Panics
/// There is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let mut all = TARGETS.into_iter();
    let target = all.find(|target| target.name == name);
    target.expect("a target of this name")
}
