//! The pages, and what is in them.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("it is in the workspace").to_owned()
}

/// What stands in one file of Markdown.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Where links lead.
    pub(crate) links: Vec<String>,
    /// What a link to a part of it may end with.
    pub(crate) anchors: Vec<String>,
    pub(crate) blocks: Vec<Block>,
}

/// A block of code.
#[derive(Debug)]
pub(crate) struct Block {
    /// What stands behind its fence.
    pub(crate) language: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path);
        Self::parse(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let mut block: Option<Block> = None;
        let mut seen: HashMap<String, usize> = HashMap::new();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let times = seen.entry(anchor.clone()).or_default();
                    page.anchors.push(match *times {
                        0 => anchor,
                        times => format!("{anchor}-{times}"),
                    });
                    *times += 1;
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let text = String::new();
                    block = Some(Block { language, text });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(text) => {
                    if let Some(block) = &mut block {
                        block.text.push_str(&text);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// As mdbook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_lowercase().to_string()),
        ' ' => Some("-".to_owned()),
        _ => None,
    });
    kept.collect()
}

/// All pages of the book, by their paths from the root.
pub(crate) fn book() -> BTreeMap<String, Page> {
    let root = root();
    let mut files = Vec::new();
    walk(&root.join("docs"), &mut files);
    let pages = files.into_iter().map(|file| {
        let path = file.strip_prefix(&root).expect("below the root");
        (path.display().to_string(), Page::read(&file))
    });
    pages.collect()
}

/// The book, and what stands in the folders beside it.
pub(crate) fn all() -> BTreeMap<String, Page> {
    let root = root();
    let mut pages = book();
    for path in [
        "README.md",
        "CHANGELOG.md",
        "examples/README.md",
        "tests/facts/README.md",
        "tests/sdks/README.md",
    ] {
        pages.insert(path.to_owned(), Page::read(&root.join(path)));
    }
    let crates = fs::read_dir(root.join("crates")).expect("there are crates");
    for package in crates {
        let readme = package.expect("it can be read").path().join("README.md");
        if readme.exists() {
            let path = readme.strip_prefix(&root).expect("below the root");
            pages.insert(path.display().to_string(), Page::read(&readme));
        }
    }
    pages
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            files.push(path);
        }
    }
}

/// Every block has a language: one without is Rust to rustdoc and text to everybody else.
#[test]
fn a_block_of_code_has_a_language() {
    for (path, page) in all() {
        for block in page.blocks {
            assert!(!block.language.is_empty(), "{path}: {}", block.text);
        }
    }
}

/// What is Rust in the book is compiled, which the list in `src/book.rs` sees to.
#[test]
fn every_page_with_rust_is_compiled() {
    let compiled = include_str!("../../src/book.rs");
    let mut blocks = 0;
    for (path, page) in book() {
        let rust = page.blocks.iter();
        let rust = rust.filter(|block| block.language.starts_with("rust"));
        let rust = rust.inspect(|block| {
            let flags: Vec<_> = block.language.split(',').skip(1).collect();
            assert!(
                !flags.contains(&"ignore"),
                "{path} has Rust that is not compiled"
            );
        });
        let page = path.strip_prefix("docs/").expect("it is in the book");
        match rust.count() {
            0 => {}
            count => {
                blocks += count;
                assert!(
                    compiled.contains(&format!("\"{page}\"")),
                    "{page} is not there"
                );
            }
        }
    }
    assert!(blocks > 5, "{blocks}");
}

#[test]
fn anchors_are_those_of_the_headings() {
    let page = Page::parse("# A `b` c: d?\n\n## Two, three\n\n## Two, three\n");
    assert_eq!(page.anchors, ["a-b-c-d", "two-three", "two-three-1"]);
}
