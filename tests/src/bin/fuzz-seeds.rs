//! Writes what a fuzzer begins with into a folder: for each target a corpus, and a dictionary.

use buttress_tests::fuzz::{TARGETS, findings};
use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("usage: fuzz-seeds FOLDER"))?;
    for target in TARGETS {
        let corpus = folder.join(target.name);
        fs::create_dir_all(&corpus)?;
        let seeds = (target.seeds)().into_iter().chain(findings(target));
        for (i, seed) in seeds.enumerate() {
            fs::write(corpus.join(format!("fact-{i}")), seed)?;
        }
        let words = target.words.iter().map(|word| {
            let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
            format!("\"{}\"\n", bytes.collect::<String>())
        });
        fs::write(
            folder.join(format!("{}.dict", target.name)),
            words.collect::<String>(),
        )?;
    }
    Ok(())
}
