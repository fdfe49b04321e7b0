//! From code addresses to Wasm functions, offsets and traps, by the tables of the image.

use crate::abi::image::{Function, INLINED, Image, SCOPES};
use crate::program::{c_string, images, slice};
use crate::width::usize_of;

/// A code address in a translated function.
#[derive(Clone, Copy)]
pub struct CodePlace {
    pub image: &'static Image,
    pub function: &'static Function,
    /// Distance from the function's first instruction.
    pub offset: u32,
    /// Where the function's sites lie in [`Image::sites`].
    sites: (u32, u32),
}

/// What the compiler noted of one instruction.
#[derive(Clone, Copy)]
pub struct Site {
    pub code_offset: u32,
    /// Trap number, or 0 for a place in a call, or at the start of other instructions.
    pub trap: u8,
    /// The inlined function that it belongs to, or 0.
    pub scope: u32,
    /// Byte offset in the module's file.
    pub wasm_offset: u32,
}

/// A function in the place of a call.
struct Inlined {
    function: &'static Function,
    /// The inlined function that the call is in, or 0.
    parent: u32,
    wasm_offset: u32,
}

impl CodePlace {
    /// The place of an instruction; nothing if it is not translated code.
    pub fn find(address: usize) -> Option<CodePlace> {
        let image = images().find(|image| image.contains(address))?;
        let Image { text, functions, n_functions, .. } = *image;
        let offset = u32::try_from(address.checked_sub(text as usize)?).ok()?;
        // SAFETY: one row more than there are functions.
        let functions = unsafe { slice(functions, n_functions.checked_add(1)?) };
        let after = functions[..usize_of(n_functions)].partition_point(|function| function.start <= offset);
        let function = functions.get(after.checked_sub(1)?)?;
        let offset = offset.checked_sub(function.start)?;
        (offset < function.length).then(|| CodePlace {
            image,
            function,
            offset,
            sites: (function.sites, functions[after].sites),
        })
    }

    /// The trap that this instruction raises when it faults.
    pub fn trap(&self) -> Option<Site> {
        self.sites().find(|site| site.code_offset == self.offset && site.trap != 0)
    }

    /// The functions around `code_offset`, and the Wasm instruction in each: from the innermost
    /// that is inlined there to the function itself. The place is that of the site at the offset,
    /// else of the last before it, else of the first. What a call returns to may belong to another
    /// instruction than the call, whose last byte counts.
    pub fn functions(&self, code_offset: u32, mut visit: impl FnMut(&'static Function, Option<u32>)) {
        let is_return_address = code_offset != self.offset;
        let byte = code_offset.saturating_sub(u32::from(is_return_address));
        let mut best: Option<Site> = None;
        for site in self.sites() {
            if site.code_offset <= byte || best.is_none() {
                best = Some(site);
            }
        }
        let mut offset = best.map(|site| site.wasm_offset);
        let mut scope = best.map_or(0, |site| site.scope);
        while let Some(inlined) = self.inlined(scope) {
            visit(inlined.function, offset);
            (scope, offset) = (inlined.parent, Some(inlined.wasm_offset));
        }
        visit(self.function, offset);
    }

    /// The name of a function of the same module; empty if it has none.
    pub fn name_of(&self, function: &Function) -> &'static [u8] {
        // SAFETY: the compiler writes offsets of zero-terminated names.
        unsafe { c_string(self.image.names.add(function.name as usize)) }
    }

    /// The inlined function of a number, counted from 1.
    fn inlined(&self, number: u32) -> Option<Inlined> {
        let index = usize_of(number.checked_sub(1)?.into());
        let mut rows = self.rows();
        let [row, kind, offset] = rows.nth(index)?;
        let Image { functions, n_functions, .. } = *self.image;
        // SAFETY: an array of the image.
        let functions = unsafe { slice(functions, n_functions) };
        Some(Inlined {
            function: functions.get(usize::try_from(row).ok()?)?,
            parent: u32::try_from(kind.cast_unsigned() / SCOPES).ok()?,
            wasm_offset: u32::try_from(offset).ok()?,
        })
    }

    /// In order of the code offset.
    fn sites(&self) -> impl Iterator<Item = Site> {
        let mut rows = self.rows();
        let mut site = Site { code_offset: 0, trap: 0, scope: 0, wasm_offset: 0 };
        std::iter::from_fn(move || {
            let add = |offset: u32, delta: i64| u32::try_from(i64::from(offset).checked_add(delta)?).ok();
            let [code_delta, kind, wasm_delta] = rows.find(|[_, kind, _]| kind.cast_unsigned() % SCOPES != INLINED)?;
            site.code_offset = add(site.code_offset, code_delta)?;
            site.trap = u8::try_from(kind.cast_unsigned() % SCOPES).ok()?;
            site.scope = u32::try_from(kind.cast_unsigned() / SCOPES).ok()?;
            site.wasm_offset = add(site.wasm_offset, wasm_delta)?;
            Some(site)
        })
    }

    /// The list that [`Function::sites`] describes, three numbers each.
    fn rows(&self) -> impl Iterator<Item = [i64; 3]> {
        // SAFETY: the compiler writes the sites of one function after those of the other.
        let mut bytes = unsafe {
            let start = self.image.sites.add(self.sites.0 as usize);
            std::slice::from_raw_parts(start, self.sites.1.saturating_sub(self.sites.0) as usize)
        };
        std::iter::from_fn(move || {
            Some([read_leb(&mut bytes, false)?, read_leb(&mut bytes, false)?, read_leb(&mut bytes, true)?])
        })
    }
}

/// A LEB128 number, with sign extension if `signed`. Nothing at the end.
pub fn read_leb(bytes: &mut &[u8], signed: bool) -> Option<i64> {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= i64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            let unused = 64u32.saturating_sub(shift);
            return Some(if signed { value << unused >> unused } else { value });
        }
    }
}
