//! The laws of the fuzz targets over their seeds, and over seeded changes of them: what cargo-fuzz runs for
//! hours runs here for a moment, so that no target rots.
//!
//! `CAREFLOW_TEST_SCALE` multiplies the changes.

use std::path::Path;

use careflow::chance::Chance;

use crate::laws::TARGETS;

/// Changed inputs of each target.
const CHANGED: u64 = 60;
/// Longest input that is made.
const INPUT_BYTES_MAX: usize = 4_096;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "`{target}` has no seeds");
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One of the seeds with a few bytes changed, cut, repeated, or taken from another.
fn changed(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = seeds[chance.index(seeds.len())].clone();
    for _ in 0..=chance.index(4) {
        let at = chance.index(input.len() + 1);
        match chance.index(6) {
            0 if at < input.len() => input[at] ^= 1 << chance.index(8),
            1 if at < input.len() => input[at] = b" \n:-\"{}[]0159/*&=%|\xff"[chance.index(20)],
            2 => input.truncate(at),
            3 => {
                let end = (at + chance.index(16)).min(input.len());
                input.drain(at..end);
            }
            4 => {
                let other = &seeds[chance.index(seeds.len())];
                let from = chance.index(other.len() + 1);
                let piece = &other[from..(from + chance.index(64)).min(other.len())];
                input.splice(at..at, piece.iter().copied());
            }
            _ => {
                let piece = chance.draw().to_be_bytes();
                input.splice(at..at, piece[..chance.index(8)].iter().copied());
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn run(target: &str) {
    let (_, law) = TARGETS.iter().find(|(name, _)| *name == target).expect("there is such a target");
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| law(seed));
    let scale = std::env::var("CAREFLOW_TEST_SCALE").map_or(1, |scale| scale.parse::<u64>().unwrap());
    for number in 0..CHANGED * scale {
        let input = changed(&seeds, &mut Chance::of(number));
        if let Err(panic) = std::panic::catch_unwind(|| law(&input)) {
            eprintln!("`{target}` breaks its law on number {number}: {:?}", String::from_utf8_lossy(&input));
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn definitions_keep_their_law() {
    run("definition");
}

#[test]
fn calendars_keep_their_law() {
    run("calendar");
}

#[test]
fn mappings_keep_their_law() {
    run("mapping");
}

#[test]
fn cron_expressions_keep_their_law() {
    run("cron");
}

#[test]
fn journal_segments_keep_their_law() {
    run("journal");
}

#[test]
fn event_payloads_keep_their_law() {
    run("payload");
}

#[test]
fn query_strings_keep_their_law() {
    run("query");
}

#[test]
fn every_target_has_a_binary_and_a_test() {
    let cargo = include_str!("../fuzz/Cargo.toml");
    let own = include_str!("fuzzing.rs");
    for (name, _) in TARGETS {
        assert!(cargo.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(own.contains(&format!("run(\"{name}\")")), "{name}");
    }
}
