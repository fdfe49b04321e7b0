//! Which bytes of a function of x86-64 are instructions, and where jumps lead: constants and tables
//! of jumps lie between them.
//!
//! Control is followed from the function's beginning and from the places that are known to begin an
//! instruction. A table of jumps is recognized by the address that is loaded before an indirect
//! jump. What is not reached this way stays bytes.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Flow {
    /// By offset in the function.
    pub instructions: BTreeMap<u64, Instruction>,
    /// Where something else than the instruction before leads to, or what is addressed.
    pub labels: BTreeSet<u64>,
    /// Bytes that are not part of the first byte of an instruction.
    inside: BTreeSet<u64>,
}

impl Flow {
    /// `entries` are offsets in the function.
    pub fn of(bytes: &[u8], entries: impl Iterator<Item = u64>) -> Flow {
        let mut flow = Flow::default();
        let length = bytes.len() as u64;
        let mut open: Vec<u64> = entries.chain([0]).collect();
        let mut tables = BTreeSet::new();
        loop {
            while let Some(start) = open.pop() {
                flow.follow(bytes, start, &mut open, &mut tables);
            }
            let Some(table) = tables.pop_first() else { break };
            open.extend(flow.table(bytes, table, length));
        }
        flow.labels.retain(|label| *label < length);
        flow
    }

    /// Whether there can be a label: it is in the function, and not within an instruction.
    pub fn has_label(&self, at: u64) -> bool {
        self.labels.contains(&at) && !self.inside.contains(&at)
    }

    fn follow(&mut self, bytes: &[u8], start: u64, open: &mut Vec<u64>, tables: &mut BTreeSet<u64>) {
        let mut at = start;
        let mut loaded = None;
        loop {
            let Some(rest) = usize::try_from(at).ok().and_then(|at| bytes.get(at..)) else { return };
            if rest.is_empty() || self.instructions.contains_key(&at) || self.inside.contains(&at) {
                return;
            }
            let instruction = Decoder::with_ip(64, rest, at, DecoderOptions::NONE).decode();
            let end = instruction.next_ip();
            if instruction.is_invalid() || (at.saturating_add(1)..end).any(|byte| self.instructions.contains_key(&byte))
            {
                return;
            }
            self.instructions.insert(at, instruction);
            self.inside.extend(at.saturating_add(1)..end);
            if instruction.is_ip_rel_memory_operand() {
                let address = instruction.memory_displacement64();
                self.labels.insert(address);
                if instruction.code() == Code::Lea_r64_m {
                    loaded = Some(address);
                }
            }
            let target = (instruction.op0_kind() == OpKind::NearBranch64).then(|| instruction.near_branch64());
            if let Some(target) = target.filter(|_| instruction.mnemonic() != Mnemonic::Call) {
                self.labels.insert(target);
                open.push(target);
            }
            match instruction.code() {
                Code::Jmp_rm64 => tables.extend(loaded.filter(|address| *address >= end)),
                Code::Jmp_rel8_64 | Code::Jmp_rel32_64 | Code::Retnq | Code::Retnq_imm16 | Code::Ud2 => {}
                _ => {
                    at = end;
                    continue;
                }
            }
            return;
        }
    }

    /// The targets of a table: distances of 4 bytes from its beginning, up to the first byte that
    /// is known to be an instruction. None leads into the table.
    fn table(&self, bytes: &[u8], table: u64, length: u64) -> BTreeSet<u64> {
        let mut targets = BTreeSet::new();
        let mut at = table;
        loop {
            let field = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.first_chunk());
            let Some(distance) = field.map(|field| i32::from_le_bytes(*field)) else { break };
            let fields = at..at.saturating_add(4);
            let is_code = |byte: u64| self.instructions.contains_key(&byte) || self.inside.contains(&byte);
            let target = table.checked_add_signed(distance.into());
            let is_outside = |target: &u64| *target < length && !(table..fields.end).contains(target);
            let Some(target) = target.filter(is_outside) else { break };
            if fields.clone().any(is_code) || targets.range(fields.clone()).next().is_some() {
                break;
            }
            targets.insert(target);
            at = fields.end;
        }
        targets
    }
}
