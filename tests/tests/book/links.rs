//! A link leads somewhere.

use super::pages::{self, Page};
use std::path::{Component, Path, PathBuf};

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[test]
fn every_link_leads_somewhere() {
    let root = pages::root();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, page) in pages::all() {
        for link in &page.links {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&path).parent().expect("it is a file");
            let target = match file {
                "" => PathBuf::from(&path),
                file => normal(&folder.join(file)),
            };
            if !root.join(&target).exists() {
                wrong.push(format!("{path}: {link}: there is no {}", target.display()));
                continue;
            }
            let is_page = target.extension().is_some_and(|kind| kind == "md");
            if !anchor.is_empty() {
                let anchors = match is_page {
                    true => Page::read(&root.join(&target)).anchors,
                    false => Vec::new(),
                };
                if !anchors.iter().any(|known| known == anchor) {
                    wrong.push(format!("{path}: {link}: there are {anchors:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "{count}");
}
