//! What others see of each crate that is published: in the registry, and on its first page.

use std::{
    fs,
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// Slugs of the registry. It refuses others only when a crate is really uploaded.
const CATEGORIES: [&str; 9] = [
    "asynchronous",
    "command-line-utilities",
    "database",
    "development-tools::testing",
    "network-programming",
    "parser-implementations",
    "web-programming",
    "web-programming::http-client",
    "web-programming::http-server",
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("it is in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is at this path of keys, as a text or the texts of a list.
fn texts(manifest: &DeTable<'_>, path: &[&str]) -> Vec<String> {
    let (last, tables) = path.split_last().expect("a key");
    let table = tables.iter().try_fold(manifest, |table, key| {
        table.get(*key).and_then(|value| value.get_ref().as_table())
    });
    let text = |value: &DeValue<'_>| value.as_str().expect("a text").to_owned();
    match table.and_then(|table| table.get(*last)) {
        None => Vec::new(),
        Some(value) => match value.get_ref() {
            DeValue::Array(list) => list.iter().map(|value| text(value.get_ref())).collect(),
            DeValue::Boolean(yes) => vec![yes.to_string()],
            value => vec![text(value)],
        },
    }
}

/// The folder and the manifest of each crate that is published.
fn published() -> Vec<(PathBuf, String)> {
    let folders = fs::read_dir(root().join("crates")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path());
    let crates = folders.map(|folder| (folder.clone(), read(&folder.join("Cargo.toml"))));
    let crates: Vec<_> = crates
        .filter(|(_, manifest)| !manifest.contains("\npublish = false"))
        .collect();
    assert!(crates.len() > 10);
    crates
}

#[test]
fn a_manifest_tells_what_the_registry_shows() {
    for (folder, manifest) in published() {
        let manifest = DeTable::parse(&manifest).unwrap();
        let of_package = |key| texts(manifest.get_ref(), &["package", key]);
        let name = of_package("name").remove(0);
        assert!(!of_package("description").is_empty(), "{name}");
        let page = format!("https://docs.rs/{name}");
        assert_eq!(of_package("documentation"), [page], "{name}");

        let keywords = of_package("keywords");
        assert!((1..=5).contains(&keywords.len()), "{name}");
        for keyword in keywords {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(keyword.len() <= 20 && keyword.chars().all(fits), "{name}");
        }
        let categories = of_package("categories");
        assert!((1..=5).contains(&categories.len()), "{name}");
        for category in categories {
            assert!(CATEGORIES.contains(&category.as_str()), "{name}");
        }

        for key in ["version", "rust-version", "license", "readme", "include"] {
            let inherited = texts(manifest.get_ref(), &["package", key, "workspace"]);
            assert_eq!(inherited, ["true"], "{name}: {key}");
        }
        let licence = read(&folder.join("LICENSE"));
        assert_eq!(licence, read(&root().join("LICENSE")), "{name}");

        let documented = |key| {
            texts(
                manifest.get_ref(),
                &["package", "metadata", "docs", "rs", key],
            )
        };
        assert_eq!(documented("all-features"), ["true"], "{name}");
        assert_eq!(documented("rustdoc-args"), ["--cfg", "docsrs"], "{name}");
    }
}

#[test]
fn the_first_page_of_a_crate_has_an_example() {
    for (folder, manifest) in published() {
        let library = read(&folder.join("src/lib.rs"));
        let page = library.lines().take_while(|line| line.starts_with("//!"));
        let example = |line: &str| line.starts_with("//! ```") && !line.ends_with("text");
        assert!(page.into_iter().any(example), "{}", folder.display());
        // What needs a feature says so.
        let marked = library.contains("\n#![cfg_attr(docsrs, feature(doc_cfg))]");
        assert!(
            marked || !manifest.contains("\n[features]"),
            "{}",
            folder.display()
        );
    }
}

#[test]
fn there_is_one_version() {
    let manifest = read(&root().join("Cargo.toml"));
    let manifest = DeTable::parse(&manifest).unwrap();
    let version = texts(manifest.get_ref(), &["workspace", "package", "version"]).remove(0);
    for (folder, of_crate) in published() {
        let of_crate = DeTable::parse(&of_crate).unwrap();
        let name = texts(of_crate.get_ref(), &["package", "name"]).remove(0);
        let path = ["workspace", "dependencies", name.as_str(), "version"];
        let asked = texts(manifest.get_ref(), &path);
        assert_eq!(asked, [version.as_str()], "{}", folder.display());
    }
    let pods = read(&root().join("docs/deploy/kubernetes.yaml"));
    let image = format!("image: buttress:{version}\n");
    assert!(pods.contains(&image), "{image}");
}

/// Who asks for `default-features = false` gets it only if no crate below asks for the default ones.
#[test]
fn http_is_asked_for_by_those_that_need_it() {
    let manifest = read(&root().join("Cargo.toml"));
    let manifest = DeTable::parse(&manifest).unwrap();
    let path = [
        "workspace",
        "dependencies",
        "buttress-core",
        "default-features",
    ];
    assert_eq!(texts(manifest.get_ref(), &path), ["false"]);
}

#[test]
fn the_first_page_names_each_feature() {
    let folder = root().join("crates/buttress");
    let manifest = read(&folder.join("Cargo.toml"));
    let manifest = DeTable::parse(&manifest).unwrap();
    let features = manifest.get_ref().get("features").unwrap();
    let features = features.get_ref().as_table().unwrap();
    let page = read(&folder.join("src/lib.rs"));
    for (feature, _) in features.iter() {
        let row = format!("//! | `{}` | ", feature.get_ref());
        assert!(page.contains(&row), "{row}");
    }
}
