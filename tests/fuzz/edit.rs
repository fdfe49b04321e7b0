//! Inputs that are nearly right: a document of a corpus with some of its bytes changed.

use bolero::TypeGenerator;

/// Which document, and what is changed.
#[derive(Clone, Debug, TypeGenerator)]
pub struct Damaged {
    document: u32,
    edits: [Edit; 6],
    /// How many of them are made.
    n_edits: u8,
    /// For the target to choose its options by.
    pub choice: u8,
}

#[derive(Copy, Clone, Debug, TypeGenerator)]
struct Edit {
    kind: Kind,
    at: u32,
    /// Other places in two thirds of the documents are data and names, most of them long.
    is_early: bool,
    length: u8,
    value: u8,
}

#[derive(Copy, Clone, Debug, TypeGenerator)]
enum Kind {
    Set,
    Flip,
    /// The largest number of LEB128 in five bytes, and in ten.
    Large,
    Larger,
    /// A number of four bytes near a border.
    Word,
    Remove,
    Repeat,
    Copy,
    Truncate,
    Digit,
}

impl Damaged {
    /// The input.
    pub fn of(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.document as usize % corpus.len()].clone();
        for edit in &self.edits[..usize::from(self.n_edits) % (self.edits.len() + 1)] {
            edit.make(&mut bytes);
        }
        bytes
    }
}

impl Edit {
    fn make(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let span = if self.is_early { bytes.len().min(200) } else { bytes.len() };
        let at = self.at as usize % span;
        let end = (at + usize::from(self.length) % 24).min(bytes.len());
        match self.kind {
            Kind::Set => bytes[at] = self.value,
            Kind::Flip => bytes[at] ^= 1 << (self.value % 8),
            Kind::Large => drop(bytes.splice(at..(at + 1), [0xff, 0xff, 0xff, 0xff, 0x0f])),
            Kind::Larger => drop(bytes.splice(at..(at + 1), [0xff; 9].into_iter().chain([1]))),
            Kind::Word => {
                let number = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0][usize::from(self.value) % 6];
                let number = u32::to_le_bytes(number);
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            Kind::Remove => drop(bytes.drain(at..end)),
            Kind::Repeat => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece.repeat(1 + usize::from(self.value % 8)));
            }
            Kind::Copy => {
                let piece = bytes[at..end].to_vec();
                let to = self.value as usize * 7 % bytes.len();
                bytes.splice(to..to, piece);
            }
            Kind::Truncate => bytes.truncate(at),
            Kind::Digit => bytes[at] = b"0123456789-*$=:,()[]\"'\\ \n"[usize::from(self.value) % 25],
        }
    }
}
