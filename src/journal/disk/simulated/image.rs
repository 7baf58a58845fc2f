//! Owns what survives a power cut: of the writes since a sync any part, in any order, blocks torn.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{Naming, Write};
use crate::seeded::Dice;

/// How the blocks of one cut fare.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Nothing since the last sync survives.
    Lost,
    /// All of it does.
    Kept,
    /// The writes up to some moment, all of them.
    Prefix,
    /// Each block of this size for itself, some torn within.
    Blocks(usize),
}

impl Way {
    /// Draws one; blocks most of the time.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Lost,
            1 => Self::Kept,
            2 => Self::Prefix,
            3..6 => Self::Blocks(512),
            _ => Self::Blocks(4096),
        }
    }
}

/// Makes a write part of `bytes`.
pub(super) fn apply(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Bytes(at, written) => {
            let at = usize::try_from(*at).unwrap();
            bytes.resize(bytes.len().max(at + written.len()), 0);
            bytes[at..at + written.len()].copy_from_slice(written);
        }
        Write::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
    }
}

/// What a file holds after a cut.
pub(super) fn bytes(durable: &[u8], writes: &[Write], way: Way, dice: &mut Dice) -> Vec<u8> {
    let mut versions = vec![durable.to_vec()];
    for write in writes {
        let mut next = versions.last().unwrap().clone();
        apply(&mut next, write);
        versions.push(next);
    }
    let last = versions.len() - 1;
    match way {
        Way::Lost => versions.swap_remove(0),
        Way::Kept => versions.swap_remove(last),
        Way::Prefix => versions.swap_remove(dice.index(versions.len())),
        Way::Blocks(size) => blocks(&versions, size, dice),
    }
}

/// Each block as some version has it, two versions within where it is torn; the length of any version.
fn blocks(versions: &[Vec<u8>], size: usize, dice: &mut Dice) -> Vec<u8> {
    let length = versions[dice.index(versions.len())].len();
    let mut found = vec![0; length];
    let byte = |version: usize, at: usize| versions[version].get(at).copied().unwrap_or(0);
    for (i, block) in found.chunks_mut(size).enumerate() {
        let (first, second) = (dice.index(versions.len()), dice.index(versions.len()));
        let torn = if dice.one_in(4) { dice.index(block.len()) } else { block.len() };
        for (j, slot) in block.iter_mut().enumerate() {
            *slot = byte(if j < torn { first } else { second }, i * size + j);
        }
    }
    found
}

/// The names after a cut: any part of the changes since the directory's sync, each whole.
pub(super) fn names(
    durable: &BTreeMap<OsString, usize>,
    namings: &[Naming],
    dice: &mut Dice,
) -> BTreeMap<OsString, usize> {
    let mut names = durable.clone();
    for naming in namings {
        if dice.one_in(2) {
            continue;
        }
        match naming {
            Naming::Put(name, id) => {
                names.insert(name.clone(), *id);
            }
            Naming::Move(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
            Naming::Remove(name) => {
                names.remove(name);
            }
        }
    }
    names
}
